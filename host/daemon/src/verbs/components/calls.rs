//! `calls.yaml`: calls of a component, and what is expected of each.
//!
//! A list; the calls run in its order, for one tenant and on the same state.
//!
//! ```yaml
//! - name: greets by name             # optional
//!   method: greeter.hello
//!   params: { name: Ada }            # optional, an object
//!   as: { scopes: [read] }           # optional; a tenant's own scopes otherwise
//!   expect:                          # exactly one of
//!     result: { greeting: "..." }    #   the whole result
//!     resultContains: { id: 1 }      #   what is named of it, at every depth
//!     error: { code: NOT_FOUND }     #   error.data.code, and a part of the message
//! ```

use std::path::{Path, PathBuf};

use openclaw_runtime::Scope;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::compare::{Extent, Mismatch, compare, mismatch};
use super::file::unreadable;
use crate::error::{CliError, Kind};

/// The name that is looked for.
const FILE: &str = "calls.yaml";

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) params: Value,
    pub(super) scopes: Vec<Scope>,
    expect: Expect,
}

#[derive(Debug)]
enum Expect {
    Result(Value, Extent),
    Error { code: String, message: Option<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    name: Option<String>,
    method: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(rename = "as")]
    caller: Option<RawCaller>,
    expect: Spanned<RawExpect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCaller {
    scopes: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawExpect {
    result: Option<Value>,
    result_contains: Option<Value>,
    error: Option<RawError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    code: String,
    message: Option<String>,
}

/// Reads the calls of `file`, or of `calls.yaml` beside the component or in the working directory.
#[allow(clippy::disallowed_methods, reason = "the author's own file")]
pub(super) fn read(file: Option<PathBuf>, component: &Path) -> Result<Vec<Call>, CliError> {
    let path = match file {
        Some(file) => file,
        None => {
            [component.with_file_name(FILE), FILE.into()].into_iter().find(|path| path.is_file()).ok_or_else(|| {
                CliError::new(Kind::NotFound, format!("there is no {FILE} beside the component or here"))
                    .hint("name a file with --calls; see `openclaw components test --help`")
            })?
        }
    };
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    parse(&text).map_err(|flaw| CliError::usage(format!("{}:{flaw}", path.display())))
}

/// The error begins with the place, `line:column`.
fn parse(text: &str) -> Result<Vec<Call>, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    let raw: Vec<RawCall> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or_else(|| "1:1".into(), |at| format!("{}:{}", at.line(), at.column()));
        let message = error.to_string();
        let message = message.trim_start_matches("error: ");
        let what =
            message.split_once(": ").filter(|(head, _)| head.starts_with("line ")).map_or(message, |(_, what)| what);
        format!("{place}: {what}")
    })?;
    if raw.is_empty() {
        return Err("1:1: there is no call in it".into());
    }
    raw.into_iter().map(Call::of).collect()
}

impl Call {
    fn of(raw: RawCall) -> Result<Self, String> {
        let at = raw.expect.referenced;
        let RawExpect { result, result_contains, error } = raw.expect.value;
        let expect = match (result, result_contains, error) {
            (Some(result), None, None) => Expect::Result(result, Extent::Whole),
            (None, Some(part), None) => Expect::Result(part, Extent::Named),
            (None, None, Some(RawError { code, message })) => Expect::Error { code, message },
            _ => {
                let place = format!("{}:{}", at.line(), at.column());
                return Err(format!("{place}: expect takes exactly one of result, resultContains and error"));
            }
        };
        Ok(Self {
            name: raw.name.unwrap_or_else(|| raw.method.clone()),
            method: raw.method,
            params: Value::Object(raw.params),
            scopes: raw.caller.map_or_else(|| Scope::OF_TENANTS.to_vec(), |caller| caller.scopes),
            expect,
        })
    }

    /// The first difference between what is expected and a JSON-RPC reply.
    pub(super) fn judge(&self, reply: &Value) -> Option<Mismatch> {
        let nothing = || reply.get("error").map_or_else(|| "nothing".to_owned(), ToString::to_string);
        match &self.expect {
            Expect::Result(expected, extent) => match reply.get("result") {
                Some(result) => compare("result", expected, result, *extent),
                None => Some(mismatch("result", expected.to_string(), nothing())),
            },
            Expect::Error { code, message } => {
                let Some(error) = reply.get("error") else {
                    return Some(mismatch("error", code, format!("the result {}", reply["result"])));
                };
                let said = error["message"].as_str().unwrap_or_default();
                let differs = message.as_ref().filter(|part| !said.contains(part.as_str()));
                compare("error.code", &code.as_str().into(), &error["data"]["code"], Extent::Whole)
                    .or_else(|| Some(mismatch("error.message", format!("…{}…", differs?), said)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
