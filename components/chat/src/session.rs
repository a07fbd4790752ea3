//! A conversation, as far as a run changes it: its row, its details, and the transcript that it adds to.
//!
//! All three belong to the family `sessions`, and change in one transaction of its database. Whoever was faster makes
//! the write begin again, so lines of others stand between ours and none is lost.

use crate::run::Run;
use openclaw_sdk::documents::{Document, Entry, SharedLogs, SharedWriter};
use openclaw_sdk::{Call, Error, Result, now_ms, rfc3339, ulid};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const FAMILY: &str = "sessions";
const SESSIONS: &str = "sessions";
const DETAILS: &str = "session-details";
const TRANSCRIPT: &str = "transcript";

/// How often a write is tried again when somebody else was faster.
const ATTEMPTS: usize = 8;

/// How far back a line is looked for that may just have been written.
pub(crate) const JUST_WRITTEN: u32 = 50;

/// How much of a message a list shows.
const PREVIEW: usize = 240;

/// A row or details: what is of no interest here stays as it is.
pub(crate) type Fields = Map<String, Value>;

/// A session that is there.
pub(crate) struct Session<'a> {
    call: &'a Call,
    pub(crate) key: String,
    /// Of the transcript: a reset gives the session another one.
    pub(crate) id: String,
    pub(crate) details: Fields,
    writer: SharedWriter,
    logs: SharedLogs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    key: String,
    session_id: Option<String>,
}

/// The key as it is stored: `main` is the main session of the main agent.
pub(crate) fn canonical(key: &str) -> Result<String> {
    match key.trim() {
        "" => Err(Error::invalid("the session key is empty")),
        "main" => Ok("agent:main:main".into()),
        key if key.len() > 512 => Err(Error::invalid("the session key is longer than 512 bytes")),
        key => Ok(key.into()),
    }
}

impl<'a> Session<'a> {
    /// The session of a key, which is made where there is none.
    pub(crate) fn open(call: &'a Call, key: &str, label: Option<&str>) -> Result<Self> {
        if let Some(session) = Self::find(call, key)? {
            return Ok(session);
        }
        let mut params = json!({ "key": key });
        if let Some(label) = label {
            params["label"] = label.into();
        }
        let created: Created = call.methods()?.call("sessions.create", &params)?;
        let session = Self::find(call, &created.key)?.filter(|_| created.session_id.is_some());
        session.ok_or_else(|| Error::not_found(format!("there is no session {key}")))
    }

    /// The session of a key, where it has been used.
    pub(crate) fn find(call: &'a Call, key: &str) -> Result<Option<Self>> {
        let Some(row) = call.shared_documents(FAMILY, SESSIONS)?.get::<Fields>(key)? else { return Ok(None) };
        let details = call.shared_documents(FAMILY, DETAILS)?.get::<Fields>(key)?.unwrap_or_default();
        let Some(id) = row.get("sessionId").and_then(Value::as_str) else { return Ok(None) };
        Ok(Some(Self {
            call,
            key: key.to_owned(),
            id: id.to_owned(),
            details,
            writer: call.shared_documents_write(FAMILY)?,
            logs: call.shared_logs(FAMILY, TRANSCRIPT)?,
        }))
    }

    /// A text among the details.
    pub(crate) fn detail(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(Value::as_str)
    }

    /// Adds to what is kept of it beside its row.
    pub(crate) fn set_detail(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut details = self.call.shared_documents(FAMILY, DETAILS)?.get::<Fields>(&self.key)?.unwrap_or_default();
        details.insert(name.to_owned(), serde_json::to_value(value)?);
        let transaction = self.writer.transaction().put(DETAILS, &self.key, &details, now_ms().cast_signed())?;
        transaction.commit().map(drop)
    }

    /// The newest lines of the transcript, oldest first.
    pub(crate) fn lines(&self, most: u32) -> Result<Vec<Entry>> {
        self.logs.tail(&self.log(), most)
    }

    /// Whether the message of a run is written. Another of this id was long ago, where there was one.
    pub(crate) fn has_heard(&self, run: &Run) -> Result<bool> {
        let lines = self.lines(JUST_WRITTEN)?;
        Ok(lines.iter().filter_map(heard).any(|(id, at)| id == run.id && at >= run.accepted_at))
    }

    fn log(&self) -> String {
        format!("{TRANSCRIPT}:{}", self.id)
    }

    /// Adds messages to the transcript; `change` says what becomes of the row.
    pub(crate) fn say(&self, messages: &[Value], change: impl Fn(&mut Fields)) -> Result<()> {
        let lines: Vec<_> = messages.iter().map(|message| ("message", json!({ "message": message }))).collect();
        self.append(&lines, change)
    }

    /// Adds lines of these types, with what each has of its own.
    pub(crate) fn append(&self, lines: &[(&str, Value)], change: impl Fn(&mut Fields)) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.try_append(lines, &change) {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn try_append(&self, lines: &[(&str, Value)], change: impl Fn(&mut Fields)) -> Result<()> {
        let found = self.call.shared_documents(FAMILY, SESSIONS)?.document(&self.key)?;
        let found = found.ok_or_else(|| self.is_gone("deleted"))?;
        let mut row: Fields = found.parse()?;
        if row.get("sessionId").and_then(Value::as_str) != Some(&self.id) {
            return Err(self.is_gone("begun anew"));
        }
        let now = now_ms();
        row.insert("updatedAt".into(), now.into());
        change(&mut row);
        let details = self.told_details(lines)?;
        let log = self.log();
        let last = self.logs.tail(&log, 1)?.pop();
        let mut entries = Vec::new();
        if last.is_none() {
            entries.push(self.header(now)?);
        }
        let mut leaf = last.as_ref().and_then(leaf_of);
        for (kind, own) in lines {
            let id = ulid();
            entries.push(line(kind, &id, leaf.as_deref(), now, own)?);
            leaf = Some(id);
        }
        self.write(&found, &row, details.as_ref(), (&log, entries), now)
    }

    fn write(
        &self,
        found: &Document,
        row: &Fields,
        details: Option<&Fields>,
        (log, entries): (&str, Vec<Vec<u8>>),
        now: u64,
    ) -> Result<()> {
        let rank = now.cast_signed();
        let mut transaction = self.writer.transaction().update(SESSIONS, &self.key, row, rank, found.version)?;
        if let Some(details) = details {
            transaction = transaction.put(DETAILS, &self.key, details, rank)?;
        }
        transaction.append(log, entries).commit().map(drop)
    }

    /// The details with what lists show of a conversation; none where these lines change nothing of it.
    fn told_details(&self, lines: &[(&str, Value)]) -> Result<Option<Fields>> {
        let texts: Vec<(&str, String)> = lines.iter().filter_map(|(_, own)| shown(own)).collect();
        let Some((_, last)) = texts.last() else { return Ok(None) };
        let mut details = self.call.shared_documents(FAMILY, DETAILS)?.get::<Fields>(&self.key)?.unwrap_or_default();
        details.insert("lastMessagePreview".into(), last.clone().into());
        if let Some((_, first)) = texts.iter().find(|(role, _)| *role == "user") {
            details.entry("derivedTitle").or_insert_with(|| shorten(first, 60).into());
        }
        Ok(Some(details))
    }

    fn header(&self, now: u64) -> Result<Vec<u8>> {
        let cwd = self.detail("cwd").unwrap_or("/work");
        let header = json!({ "type": "session", "version": 3, "id": self.id, "timestamp": rfc3339(now), "cwd": cwd });
        Ok(serde_json::to_vec(&header)?)
    }

    fn is_gone(&self, how: &str) -> Error {
        Error::unavailable(format!("the session {} was {how} meanwhile", self.key), None)
    }
}

/// The role and the text of a line's message, as a list shows it.
fn shown(own: &Value) -> Option<(&str, String)> {
    let message = &own["message"];
    let role = message["role"].as_str().filter(|role| matches!(*role, "user" | "assistant"))?;
    let parts = message["content"].as_array()?;
    let text: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let flat = text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    (!flat.is_empty()).then(|| (role, shorten(&flat, PREVIEW)))
}

/// At most `length` characters of a text, with an ellipsis where it goes on.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some(_) => text.chars().take(length.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn line(kind: &str, id: &str, parent: Option<&str>, now: u64, own: &Value) -> Result<Vec<u8>> {
    let mut line = json!({ "type": kind, "id": id, "parentId": parent, "timestamp": rfc3339(now) });
    if let (Value::Object(line), Value::Object(own)) = (&mut line, own) {
        line.extend(own.clone());
    }
    Ok(serde_json::to_vec(&line)?)
}

/// The id of the last line; none of the header.
#[allow(clippy::disallowed_methods, reason = "a line of the family sessions, into a type of ours")]
fn leaf_of(entry: &Entry) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "type")]
        kind: String,
        id: Option<String>,
    }
    let line: Line = serde_json::from_slice(&entry.value).ok()?;
    (line.kind != "session").then_some(line.id).flatten()
}

/// The run whose message a line is, and when it was heard; none of a line that is something else.
#[allow(clippy::disallowed_methods, reason = "a line of the family sessions, into types of ours")]
fn heard(entry: &Entry) -> Option<(String, u64)> {
    #[derive(Deserialize)]
    struct Line {
        message: Message,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        role: String,
        idempotency_key: String,
        timestamp: u64,
    }
    let Line { message } = serde_json::from_slice(&entry.value).ok()?;
    (message.role == "user").then_some((message.idempotency_key, message.timestamp))
}
