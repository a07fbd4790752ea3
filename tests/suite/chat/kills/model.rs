//! The model: what it says to a message, and where it stands still until the gateway is gone.
//!
//! A message is `<number>.<place>`, and names the place where its turn is to be killed; any other is answered.

use crate::{
    contract::*,
    models::upstream::{Step, streamed, whole},
};

/// What the agent is to remember, with its message behind it; its embedding never comes.
const NOTE: &str = "a note that is not embedded: ";

const TEXT: &str = r#"{"choices":[{"delta":{"content":"It rains."}}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":4}}"#;
const DONE: &str = "[DONE]";
/// A call of a tool without the end of its arguments.
const HALF: &str = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"exec","arguments":"{\"comm"}}]}}]}"#;
const VECTOR: &str = r#"{"object":"list","data":[{"index":0,"embedding":[1,0]}],"usage":{"prompt_tokens":5}}"#;

pub(super) fn answer(request: &Value) -> Vec<Step> {
    if let Some(texts) = request["input"].as_array() {
        let waits = texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(NOTE)));
        return if waits { vec![Step::Wait] } else { whole("200 OK", VECTOR) };
    }
    let message = message(request);
    let place = message.split_once('.').map_or("", |(_, place)| place);
    match (place, has_result(request)) {
        ("asked", false) | ("asked-again", true) => vec![Step::Wait],
        ("accepted", false) => streamed(&[None]),
        ("answering", false) | ("answering-again", true) => streamed(&[Some(TEXT), None]),
        ("calling", false) => streamed(&[Some(HALF), None]),
        ("ending", false) => streamed(&[Some(TEXT), Some(STOP), None]),
        ("command", false) => calls(
            "exec",
            &json!({ "command": format!("touch begun-{message}; while [ ! -e go ]; do sleep 0.1; done") }),
        ),
        ("memory", false) => calls("memory_write", &json!({ "text": format!("{NOTE}{message}") })),
        ("asked-again" | "answering-again" | "tool", false) => calls("exec", &json!({ "command": "echo OUTPUT" })),
        _ => streamed(&[Some(TEXT), Some(STOP), Some(USAGE), Some(DONE)]),
    }
}

/// Has a tool used.
fn calls(name: &str, arguments: &Value) -> Vec<Step> {
    let function = json!({ "name": name, "arguments": arguments.to_string() });
    let call = json!({ "index": 0, "id": "c1", "type": "function", "function": function });
    let delta = json!({ "choices": [{ "delta": { "tool_calls": [call] } }] }).to_string();
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;
    streamed(&[Some(delta.as_str()), Some(stop), Some(USAGE), Some(DONE)])
}

/// The user's last message, which is the id of its run too, or the one whose note is embedded; empty for what has none.
pub(super) fn message(request: &Value) -> &str {
    if let Some(message) = request["input"][0].as_str().and_then(|text| text.strip_prefix(NOTE)) {
        return message.trim_end();
    }
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages.iter().rfind(|message| message["role"] == "user");
    last.and_then(|message| message["content"].as_str()).unwrap_or_default()
}

fn has_result(request: &Value) -> bool {
    request["messages"].as_array().and_then(|messages| messages.last()).is_some_and(|last| last["role"] == "tool")
}
