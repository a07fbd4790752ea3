//! What was said: `chat.history`, and `chat.inject` without a run.

use crate::store::{self, canonical, change, no_session, publish_changed, read_row};
use crate::transcript::{self, Line};
use openclaw_sdk::documents::{Database, Entry, PAGE_LIMIT};
use openclaw_sdk::{Call, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct History {
    session_key: String,
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
}

fn two_hundred() -> u32 {
    200
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Messages {
    session_key: String,
    /// Left out before the session's first use.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// Oldest first, as the transcript has them.
    #[schemars(with = "Vec<Value>")]
    messages: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose_level: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Inject {
    session_key: String,
    message: String,
    /// Written before the message, in brackets.
    #[serde(default)]
    label: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Injected {
    ok: bool,
    message_id: String,
}

pub(crate) fn history(call: &Call, params: History) -> Result<Messages> {
    let database = call.documents()?;
    let key = canonical(&params.session_key)?;
    // Clients ask for the main session before anything was said in it.
    let row = read_row(&database, &key)?.unwrap_or_default();
    let messages = match &row.session_id {
        Some(id) => newest_messages(&database, &transcript::log_of(id), params.limit)?,
        None => Vec::new(),
    };
    Ok(Messages {
        session_key: params.session_key,
        session_id: row.session_id,
        messages,
        thinking_level: row.thinking_level,
        verbose_level: row.verbose_level,
    })
}

/// The newest messages of a log, oldest first. Some lines are not messages, so
/// a second look reads as far back as one page goes.
fn newest_messages(database: &Database, log: &str, limit: u32) -> Result<Vec<Box<RawValue>>> {
    let entries = database.tail_log(log, limit)?;
    let messages = messages_of(&entries, limit);
    let may_have_more = entries.len() == limit as usize && limit < PAGE_LIMIT;
    if messages.len() < limit as usize && may_have_more {
        return Ok(messages_of(&database.tail_log(log, PAGE_LIMIT)?, limit));
    }
    Ok(messages)
}

fn messages_of(entries: &[Entry], limit: u32) -> Vec<Box<RawValue>> {
    let mut messages: Vec<_> = entries
        .iter()
        .rev()
        .filter_map(|entry| Line::parse(entry)?.message().map(ToOwned::to_owned))
        .take(limit as usize)
        .collect();
    messages.reverse();
    messages
}

pub(crate) fn inject(call: &Call, params: Inject) -> Result<Injected> {
    transcript::check_length(&params.message)?;
    let key = canonical(&params.session_key)?;
    let database = call.documents()?;
    let text = match &params.label {
        Some(label) => format!("[{label}]\n\n{}", params.message),
        None => params.message,
    };
    let (message_id, message) = change(&database, &key, |found| {
        let mut session = found.ok_or_else(|| no_session(&key))?;
        let now = now_ms();
        session.row.updated_at = now;
        let id = session.row.session_id.get_or_insert_with(openclaw_sdk::ulid).clone();
        let log = transcript::log_of(&id);
        session.details.last_message_preview = Some(transcript::preview_of(&text));
        let message = assistant_message(&text, now);
        let leaf = transcript::leaf(&database, &log)?;
        let (message_id, line) = transcript::message_line(leaf.as_deref(), now, &message)?;
        let mut lines = Vec::new();
        if leaf.is_none() && database.log_length(&log)? == 0 {
            lines.push(transcript::header(&id, now, session.details.cwd.as_deref(), None)?);
        }
        lines.push(line);
        store::write(database.transaction(), &session)?.append(&log, lines).commit()?;
        Ok((message_id, message))
    })?;
    publish_chat(call, &key, &message_id, &message)?;
    publish_changed(call, &key, "inject")?;
    Ok(Injected { ok: true, message_id })
}

/// A message that no model made, so with a usage of nothing.
fn assistant_message(text: &str, now: u64) -> Value {
    json!({
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "provider": "openclaw",
        "model": "gateway-injected",
        "usage": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0},
        "stopReason": "stop",
        "timestamp": now,
    })
}

/// The event's payload has a limit that a message may exceed: then the event
/// says only that there is one, and clients ask for the history.
fn publish_chat(call: &Call, key: &str, message_id: &str, message: &Value) -> Result<()> {
    const PAYLOAD_LIMIT: usize = 60 << 10;
    let mut payload = json!({
        "runId": format!("inject-{message_id}"),
        "sessionKey": key,
        "seq": 0,
        "state": "final",
    });
    if message.to_string().len() < PAYLOAD_LIMIT {
        payload["message"] = message.clone();
    }
    call.events()?.publish("chat", &payload)?;
    Ok(())
}
