//! Fixture calls: calls of a component, and what its author says that each answers.
//!
//! `openclaw components test` reads them of `calls.yaml`. Those that are embedded in the component itself, as JSON in
//! the custom section `openclaw:calls`, run at each install too (`plugins/trial.rs`). Who wrote them is not trusted:
//! their number and their bytes are bounded here, their time by whoever runs them.

mod compare;
#[cfg(test)]
mod tests;

use openclaw_config::json;
use serde::Deserialize;
use serde_json::{Map, Value};
use wasmparser::{Parser, Payload};

use crate::manifest::Scope;
use compare::{Extent, compare, mismatch};

pub use compare::Mismatch;

/// The custom section that holds a component's own calls.
const SECTION: &str = "openclaw:calls";

/// The most bytes of the section.
const SECTION_BYTES: usize = 64 << 10;

/// The most calls in it.
const CALLS: usize = 32;

/// The most bytes of a call's name.
const NAME_BYTES: usize = 128;

/// One call, and what is expected of it.
#[derive(Debug)]
pub struct FixtureCall {
    /// The author's, or the method's.
    pub name: String,
    /// Its full name.
    pub method: String,
    /// An object.
    pub params: Value,
    /// What the caller's token carries.
    pub scopes: Vec<Scope>,
    expect: Expect,
}

#[derive(Debug)]
enum Expect {
    Result(Value, Extent),
    Error { code: String, message: Option<String> },
}

/// One call as it is written; `E` is [`RawExpect`], or that with its place in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCall<E> {
    name: Option<String>,
    method: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(rename = "as")]
    caller: Option<RawCaller>,
    /// What is expected of it.
    pub expect: E,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCaller {
    scopes: Vec<Scope>,
}

/// What is expected of a call, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RawExpect {
    result: Option<Value>,
    result_contains: Option<Value>,
    error: Option<RawError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    code: String,
    message: Option<String>,
}

/// How a call ended.
#[derive(Debug)]
pub enum Ending {
    /// Its result.
    Result(Value),
    /// It was refused, or failed.
    Error {
        /// The contract's word for it.
        code: String,
        /// What the client is told.
        message: String,
    },
}

impl<E> RawCall<E> {
    /// The same call with what is expected in another form.
    pub fn map<T>(self, of: impl FnOnce(E) -> T) -> RawCall<T> {
        let Self { name, method, params, caller, expect } = self;
        RawCall { name, method, params, caller, expect: of(expect) }
    }
}

impl FixtureCall {
    /// Reads one call.
    pub fn of(raw: RawCall<RawExpect>) -> Result<Self, String> {
        let RawExpect { result, result_contains, error } = raw.expect;
        let expect = match (result, result_contains, error) {
            (Some(result), None, None) => Expect::Result(result, Extent::Whole),
            (None, Some(part), None) => Expect::Result(part, Extent::Named),
            (None, None, Some(RawError { code, message })) => Expect::Error { code, message },
            _ => return Err("expect takes exactly one of result, resultContains and error".into()),
        };
        Ok(Self {
            name: raw.name.unwrap_or_else(|| raw.method.clone()),
            method: raw.method,
            params: Value::Object(raw.params),
            scopes: raw.caller.map_or_else(|| Scope::OF_TENANTS.to_vec(), |caller| caller.scopes),
            expect,
        })
    }

    /// The first difference between what is expected and how the call ended.
    #[must_use]
    pub fn judge(&self, ending: &Ending) -> Option<Mismatch> {
        match (&self.expect, ending) {
            (Expect::Result(expected, extent), Ending::Result(result)) => compare("result", expected, result, *extent),
            (Expect::Result(expected, _), Ending::Error { code, message }) => {
                Some(mismatch("result", expected.to_string(), format!("{code}: {message}")))
            }
            (Expect::Error { code, .. }, Ending::Result(result)) => {
                Some(mismatch("error", code, format!("the result {result}")))
            }
            (Expect::Error { code, .. }, Ending::Error { code: actual, .. }) if code != actual => {
                Some(mismatch("error.code", code, actual))
            }
            (Expect::Error { message, .. }, Ending::Error { message: said, .. }) => {
                let part = message.as_ref().filter(|part| !said.contains(part.as_str()))?;
                Some(mismatch("error.message", format!("…{part}…"), said))
            }
        }
    }

    /// The calls that a component brings along; none where it brings none.
    pub fn embedded(wasm: &[u8]) -> Result<Vec<Self>, String> {
        let Some(text) = section(wasm)? else { return Ok(Vec::new()) };
        let calls = read(text).map_err(|flaw| format!("its section {SECTION} is not what it should be: {flaw}"))?;
        Ok(calls)
    }
}

/// The component with these calls in it.
pub fn embed(mut wasm: Vec<u8>, calls: &Value) -> Result<Vec<u8>, String> {
    if section(&wasm)?.is_some() {
        return Err("it has calls in it already: build it anew".into());
    }
    let text = calls.to_string();
    read(text.as_bytes())?;
    let mut content = Vec::with_capacity(SECTION.len() + text.len() + 1);
    leb128(SECTION.len(), &mut content);
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(text.as_bytes());
    // A custom section: its id, its size, its content.
    wasm.push(0);
    leb128(content.len(), &mut wasm);
    wasm.append(&mut content);
    Ok(wasm)
}

fn read(text: &[u8]) -> Result<Vec<FixtureCall>, String> {
    if text.len() > SECTION_BYTES {
        return Err(format!("{} bytes, at most {SECTION_BYTES}", text.len()));
    }
    let value = json::read(text, json::DEPTH_MAX).map_err(|error| error.to_string())?;
    let raw = Vec::<RawCall<RawExpect>>::deserialize(value).map_err(|error| error.to_string())?;
    if raw.is_empty() || raw.len() > CALLS {
        return Err(format!("{} calls, at least 1 and at most {CALLS}", raw.len()));
    }
    let calls = raw.into_iter().map(FixtureCall::of).collect::<Result<Vec<_>, _>>()?;
    match calls.iter().find(|call| call.name.len() > NAME_BYTES) {
        Some(_) => Err(format!("a call's name has at most {NAME_BYTES} bytes")),
        None => Ok(calls),
    }
}

/// The section of the component itself, not of what is nested in it.
fn section(wasm: &[u8]) -> Result<Option<&[u8]>, String> {
    let (mut depth, mut found) = (0_usize, None);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| error.to_string())? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section)
                if depth == 1 && section.name() == SECTION && found.replace(section.data()).is_some() =>
            {
                return Err(format!("it has two sections {SECTION}"));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn leb128(mut number: usize, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
