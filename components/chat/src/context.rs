//! What a model reads of a conversation: the messages of the transcript as those of chat completions.
//!
//! Each is written down once, as text, and goes into every request as it is. What a run left half done (a call of a
//! tool without its result) is completed, since providers refuse it.

use crate::session::Session;
use openclaw_sdk::documents::Entry;
use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

/// How far back a transcript is read.
const LINES: u32 = 1000;

/// Characters of a token, where nobody has counted.
const CHARACTERS_A_TOKEN: usize = 4;

const NO_RESULT: &str = "(no result: the run was ended before)";

/// The messages of a request.
#[derive(Default)]
pub(crate) struct Context {
    messages: Vec<Box<RawValue>>,
    /// Calls of the last message that have no result yet.
    open_calls: Vec<String>,
    bytes: usize,
}

/// A line, as far as it must be understood.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    message: Option<Message>,
    summary: Option<String>,
    first_kept_entry_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
    tool_call_id: Option<String>,
}

impl Context {
    /// The conversation so far, from the last summary on.
    pub(crate) fn of(session: &Session<'_>) -> Result<Self> {
        let lines: Vec<Line> = session.lines(LINES)?.iter().filter_map(parse).collect();
        let mut context = Self::default();
        let mut from = 0;
        if let Some(at) = lines.iter().rposition(|line| line.kind == "compaction") {
            context.sum_up(lines[at].summary.as_deref().unwrap_or_default())?;
            let kept = lines[at].first_kept_entry_id.as_deref();
            let first = kept.and_then(|kept| lines.iter().position(|line| line.id.as_deref() == Some(kept)));
            from = first.unwrap_or(at);
        }
        for message in lines[from..].iter().filter_map(|line| line.message.as_ref()) {
            context.add_message(message)?;
        }
        Ok(context)
    }

    /// A conversation that goes on from a summary of what was before.
    pub(crate) fn summed_up(summary: &str) -> Result<Self> {
        let mut context = Self::default();
        context.sum_up(summary)?;
        Ok(context)
    }

    fn sum_up(&mut self, summary: &str) -> Result<()> {
        self.add("user", &format!("Summary of the conversation so far:\n\n{summary}"))
    }

    /// As a request has them.
    pub(crate) fn messages(&self) -> &[Box<RawValue>] {
        &self.messages
    }

    /// An estimate of what it is counted as.
    pub(crate) fn tokens(&self) -> u64 {
        (self.bytes / CHARACTERS_A_TOKEN) as u64
    }

    /// Adds a message of text.
    pub(crate) fn add(&mut self, role: &str, text: &str) -> Result<()> {
        self.close_calls()?;
        self.push(&json!({ "role": role, "content": text }))
    }

    /// Adds an answer of the model's, as the transcript has it.
    pub(crate) fn add_answer(&mut self, message: &Value) -> Result<()> {
        let parts = message["content"].as_array().cloned().unwrap_or_default();
        self.add_parts(&parts)
    }

    /// Adds the result of a tool that the last answer called.
    pub(crate) fn add_result(&mut self, call_id: &str, text: &str) -> Result<()> {
        let Some(at) = self.open_calls.iter().position(|open| open == call_id) else { return Ok(()) };
        self.open_calls.remove(at);
        self.push(&json!({ "role": "tool", "tool_call_id": call_id, "content": text }))
    }

    fn add_message(&mut self, message: &Message) -> Result<()> {
        match message.role.as_str() {
            "user" => self.add("user", &text_of(&message.content)),
            "assistant" => match &message.content {
                Value::Array(parts) => self.add_parts(parts),
                Value::String(text) => self.add("assistant", text),
                _ => Ok(()),
            },
            "toolResult" | "tool" => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                self.add_result(id, &text_of(&message.content))
            }
            _ => Ok(()),
        }
    }

    fn add_parts(&mut self, parts: &[Value]) -> Result<()> {
        let calls: Vec<Value> = parts.iter().filter(|part| part["type"] == "toolCall").map(call).collect();
        let text = text_of(&Value::Array(parts.to_vec()));
        if calls.is_empty() {
            // A run that was ended has said nothing.
            return if text.is_empty() { Ok(()) } else { self.add("assistant", &text) };
        }
        self.close_calls()?;
        let ids = calls.iter().filter_map(|call| call["id"].as_str().map(str::to_owned)).collect();
        let content = if text.is_empty() { Value::Null } else { text.into() };
        self.push(&json!({ "role": "assistant", "content": content, "tool_calls": calls }))?;
        self.open_calls = ids;
        Ok(())
    }

    /// Gives the calls that have none a result.
    fn close_calls(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.open_calls) {
            self.push(&json!({ "role": "tool", "tool_call_id": id, "content": NO_RESULT }))?;
        }
        Ok(())
    }

    fn push(&mut self, message: &Value) -> Result<()> {
        let text = message.to_string();
        self.bytes += text.len();
        self.messages.push(RawValue::from_string(text).map_err(Error::from)?);
        Ok(())
    }
}

fn call(part: &Value) -> Value {
    let arguments = match &part["arguments"] {
        Value::Null => "{}".to_owned(),
        arguments => arguments.to_string(),
    };
    json!({ "id": part["id"], "type": "function", "function": { "name": part["name"], "arguments": arguments } })
}

/// The text parts of a message's content, one a line.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"] != "thinking").filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[allow(clippy::disallowed_methods, reason = "a line of the family sessions, into a type of ours")]
fn parse(entry: &Entry) -> Option<Line> {
    serde_json::from_slice(&entry.value).ok()
}
