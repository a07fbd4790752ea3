//! A handler in Rust with the whole standard library: it opens files by `std::fs`,
//! and what it sees as `/` is the directory that the gateway opened for the call.

mod bindings;

use std::{fs, io};

use bindings::exports::openclaw::gateway::component::{Call, Error, Guest};
use serde_json::{Value, json};

struct Component;

impl Guest for Component {
    fn manifest() -> Vec<u8> {
        manifest().to_string().into_bytes()
    }

    fn handle(call: &Call, params: Vec<u8>) -> Result<Vec<u8>, Error> {
        let params: Value = serde_json::from_slice(&params).map_err(|error| refusal("INTERNAL", error))?;
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        let answer = match call.method().rsplit('.').next() {
            Some("put") => put(text("path"), text("text")),
            Some("get") => get(text("path")),
            _ => Ok(json!({ "text": format!("Hello, {}, from Rust", text("name")) })),
        };
        answer.map(|answer| answer.to_string().into_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refusal("NOT_FOUND", "there is no such note"),
            _ => refusal("FORBIDDEN", format!("the file cannot be opened: {error}")),
        })
    }
}

fn put(path: &str, text: &str) -> io::Result<Value> {
    fs::write(path, text)?;
    Ok(json!({ "bytes": text.len() }))
}

fn get(path: &str) -> io::Result<Value> {
    Ok(json!({ "text": fs::read_to_string(path)? }))
}

fn manifest() -> Value {
    let text = json!({ "type": "string", "maxLength": 100_000 });
    let bytes = json!({ "type": "integer", "minimum": 0 });
    json!({
        "family": "notes_rust_std",
        "version": "0.1.0",
        "description": "Greets, and keeps notes in files.",
        "methods": [
            { "name": "notes_rust_std.greet", "summary": "A greeting.", "scope": "read",
              "params": closed(&[("name", &text)]), "result": closed(&[("text", &text)]) },
            { "name": "notes_rust_std.put", "summary": "Writes a note.", "scope": "write",
              "params": closed(&[("path", &text), ("text", &text)]), "result": closed(&[("bytes", &bytes)]) },
            { "name": "notes_rust_std.get", "summary": "Reads a note.", "scope": "read",
              "params": closed(&[("path", &text)]), "result": closed(&[("text", &text)]) },
        ],
    })
}

/// The schema of an object with exactly these members.
fn closed(members: &[(&str, &Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), (*schema).clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "required": names, "properties": properties })
}

fn refusal(code: &str, message: impl ToString) -> Error {
    Error { code: code.into(), message: message.to_string(), data: None, retry_after_ms: None }
}
