//! Transcripts: append-only logs of the lines that OpenClaw writes as JSONL.
//!
//! The first line is the header; every other line has `id`, `parentId`,
//! `timestamp` and `type`. Lines form a tree whose leaf is the last one.

use openclaw_sdk::documents::{Database, Entry, PAGE_LIMIT};
use openclaw_sdk::{Error, Result, rfc3339, ulid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

/// How much of a message a list shows.
const PREVIEW_LENGTH: usize = 240;

pub(crate) fn log_of(session_id: &str) -> String {
    format!("transcript:{session_id}")
}

/// A line, as far as it must be understood.
#[derive(Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
}

/// A message, as far as it must be understood.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    content: Value,
}

impl<'a> Line<'a> {
    /// Reads a line; none when it is not one, which a reader passes over.
    #[allow(clippy::disallowed_methods, reason = "what this family wrote, into a type of its own")]
    pub(crate) fn parse(entry: &'a Entry) -> Option<Self> {
        serde_json::from_slice(&entry.value).ok()
    }

    /// The message of a line of that type.
    pub(crate) fn message(&self) -> Option<&'a RawValue> {
        self.message.filter(|_| self.kind == "message")
    }
}

impl Message {
    /// The role that a preview shows.
    pub(crate) fn shown_role(&self) -> &'static str {
        match self.role.as_str() {
            "user" => "user",
            "assistant" => "assistant",
            "tool" | "toolResult" => "tool",
            "system" => "system",
            _ => "other",
        }
    }

    /// Its text parts, one a line.
    pub(crate) fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.trim().to_owned(),
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("\n"),
            _ => String::new(),
        }
    }
}

/// The newest `count` entries of a log, oldest first.
pub(crate) fn newest(database: &Database, log: &str, count: u64) -> Result<Vec<Entry>> {
    let page = u64::from(PAGE_LIMIT);
    if count <= page {
        return database.tail_log(log, u32::try_from(count).unwrap_or(PAGE_LIMIT));
    }
    let last = database.tail_log(log, 1)?.pop().map_or(0, |entry| entry.sequence);
    let mut entries: Vec<Entry> = Vec::new();
    let mut after = last.saturating_sub(count);
    loop {
        let read = database.read_log(log, after, PAGE_LIMIT)?;
        let is_last = read.len() < PAGE_LIMIT as usize;
        after = read.last().map_or(after, |entry| entry.sequence);
        entries.extend(read);
        if is_last {
            return Ok(entries);
        }
    }
}

/// All entries of a log, a page at a time, oldest first.
pub(crate) fn for_each_page(
    database: &Database,
    log: &str,
    mut visit: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let page = database.read_log(log, after, PAGE_LIMIT)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.sequence;
        let is_last = page.len() < PAGE_LIMIT as usize;
        visit(page)?;
        if is_last {
            return Ok(());
        }
    }
}

/// The id of the leaf; none in an empty transcript or right after the header.
pub(crate) fn leaf(database: &Database, log: &str) -> Result<Option<String>> {
    let last = database.tail_log(log, 1)?.pop();
    Ok(last.and_then(|entry| {
        let line = Line::parse(&entry)?;
        (line.kind != "session").then_some(line.id).flatten()
    }))
}

/// The first line of a transcript.
pub(crate) fn header(session_id: &str, now: u64, cwd: Option<&str>, parent: Option<&str>) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Header<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        version: u32,
        id: &'a str,
        timestamp: String,
        cwd: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        parent_session: Option<&'a str>,
    }
    Ok(serde_json::to_vec(&Header {
        kind: "session",
        version: 3,
        id: session_id,
        timestamp: rfc3339(now),
        cwd: cwd.unwrap_or("/work"),
        parent_session: parent,
    })?)
}

/// A new message line below `parent`; answers its id and its bytes.
pub(crate) fn message_line(parent: Option<&str>, now: u64, message: &Value) -> Result<(String, Vec<u8>)> {
    let id = ulid();
    let line = json!({
        "type": "message",
        "id": id,
        "parentId": parent,
        "timestamp": rfc3339(now),
        "message": message,
    });
    Ok((id, serde_json::to_vec(&line)?))
}

/// At most `length` characters of a text, with an ellipsis where it goes on.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some(_) => {
            let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
            short.truncate(short.trim_end().len());
            short.push('…');
            short
        }
    }
}

/// A text on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn preview_of(text: &str) -> String {
    shorten(&flat(text), PREVIEW_LENGTH)
}

/// A message longer than a document may be cannot be kept.
pub(crate) fn check_length(message: &str) -> Result<()> {
    const LIMIT: usize = 512 << 10;
    if message.trim().is_empty() {
        return Err(Error::invalid("the message is empty"));
    }
    if message.len() > LIMIT {
        return Err(Error::invalid(format!("the message is longer than {LIMIT} bytes")));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests;
