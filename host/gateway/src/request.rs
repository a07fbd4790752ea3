//! JSON-RPC 2.0 frames: bytes in, calls out.
//!
//! Stricter than the format asks: duplicate keys and deep nesting are refused
//! anywhere in a body, since two readers of one body must not see two things.

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests;

use openclaw_config::json::{self, JsonError};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a body holds.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Single(Frame<'a>),
    Batch(Vec<Frame<'a>>),
}

/// One request object, or what is wrong with it.
pub(crate) type Frame<'a> = Result<Call<'a>, BadFrame<'a>>;

/// A call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// As it was sent, to be echoed to the letter; none for a notification.
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) method: String,
    /// An object's text; none when absent.
    pub(crate) params: Option<&'a RawValue>,
}

/// A request object that is none.
#[derive(Debug)]
pub(crate) struct BadFrame<'a> {
    /// Its id, where that could be read.
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) message: &'static str,
}

/// A body that is no JSON-RPC at all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadBody {
    /// No JSON.
    Parse(String),
    /// JSON, and no request or batch.
    Invalid(String),
}

/// Reads a body of one request or a batch of at most `batch` requests.
#[allow(clippy::disallowed_methods, reason = "checked above, and kept as text")]
pub(crate) fn parse(body: &[u8], depth: usize, batch: usize) -> Result<Body<'_>, BadBody> {
    let flaw = |error: &dyn std::fmt::Display| BadBody::Parse(error.to_string());
    json::check(body, depth).map_err(|error| flaw(&error))?;
    let text = std::str::from_utf8(body).map_err(|_| flaw(&"the body is not UTF-8"))?;
    if !text.trim_start().starts_with('[') {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| flaw(&JsonError::from(error)))?;
        return Ok(Body::Single(frame(raw)));
    }
    let raws: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| flaw(&JsonError::from(error)))?;
    match raws.len() {
        0 => Err(BadBody::Invalid("a batch holds at least one request".into())),
        n if n > batch => Err(BadBody::Invalid(format!("a batch holds at most {batch} requests, this one {n}"))),
        _ => Ok(Body::Batch(raws.into_iter().map(frame).collect())),
    }
}

#[derive(Deserialize)]
struct RawFrame<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// `"id": null` is an id; an absent one is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[allow(clippy::disallowed_methods, reason = "checked with its body; into texts")]
fn frame(raw: &RawValue) -> Frame<'_> {
    let Ok(frame) = serde_json::from_str::<RawFrame<'_>>(raw.get()) else {
        return Err(BadFrame { id: None, message: "a request is a JSON object" });
    };
    let readable = frame.id.filter(|id| !matches!(id.get().as_bytes().first(), Some(b'{' | b'[' | b't' | b'f')));
    let bad = |message| Err(BadFrame { id: readable, message });
    if frame.id.is_some() && readable.is_none() {
        return bad("\"id\" is a string, a number or null");
    }
    if frame.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
        return bad("\"jsonrpc\" must be \"2.0\"");
    }
    let Some(Ok(method)) = frame.method.map(|method| serde_json::from_str::<String>(method.get())) else {
        return bad("\"method\" must be a string");
    };
    if frame.params.is_some_and(|params| !matches!(params.get().as_bytes().first(), Some(b'{' | b'['))) {
        return bad("\"params\" must be an object or an array");
    }
    Ok(Call { id: frame.id, method, params: frame.params })
}
