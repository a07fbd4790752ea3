//! `sessions.preview`: the last messages of some sessions.

use crate::row::Row;
use crate::store::{SESSIONS, canonical};
use crate::transcript::{self, Line, Message, shorten};
use openclaw_sdk::documents::Database;
use openclaw_sdk::{Call, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Preview {
    #[schemars(length(max = 64))]
    keys: Vec<String>,
    #[serde(default = "twelve")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Characters of each text.
    #[serde(default = "chars")]
    #[schemars(range(min = 20))]
    max_chars: usize,
}

fn twelve() -> u32 {
    12
}

fn chars() -> usize {
    240
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Previews {
    /// Unix milliseconds.
    ts: u64,
    /// In the order of `keys`.
    previews: Vec<OfSession>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OfSession {
    key: String,
    status: Status,
    items: Vec<Item>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// A session in which nothing was said.
    Empty,
    /// No such session.
    Missing,
    /// It could not be read.
    Error,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Item {
    /// `user`, `assistant`, `tool`, `system` or `other`.
    role: &'static str,
    text: String,
}

pub(crate) fn preview(call: &Call, params: Preview) -> Result<Previews> {
    let database = call.documents()?;
    let previews = params
        .keys
        .iter()
        .map(|key| {
            let (status, items) = match of_session(&database, key, &params) {
                Ok(None) => (Status::Missing, Vec::new()),
                Ok(Some(items)) if items.is_empty() => (Status::Empty, items),
                Ok(Some(items)) => (Status::Ok, items),
                Err(_) => (Status::Error, Vec::new()),
            };
            OfSession { key: key.clone(), status, items }
        })
        .collect();
    Ok(Previews { ts: now_ms(), previews })
}

#[allow(clippy::disallowed_methods, reason = "what this family wrote, into a type of its own")]
fn of_session(database: &Database, key: &str, params: &Preview) -> Result<Option<Vec<Item>>> {
    let Some(row) = database.collection(SESSIONS).get::<Row>(&canonical(key)?)? else {
        return Ok(None);
    };
    let Some(session_id) = row.session_id else {
        return Ok(Some(Vec::new()));
    };
    // Some lines are not messages, or have no text: look a little further back.
    let lines = params.limit.saturating_mul(2).saturating_add(8);
    let entries = transcript::newest(database, &transcript::log_of(&session_id), lines.into())?;
    let mut items: Vec<Item> = entries
        .iter()
        .rev()
        .filter_map(|entry| {
            let line = Line::parse(entry)?;
            let message: Message = serde_json::from_str(line.message()?.get()).ok()?;
            let text = message.text();
            (!text.is_empty()).then(|| Item { role: message.shown_role(), text: shorten(&text, params.max_chars) })
        })
        .take(params.limit as usize)
        .collect();
    items.reverse();
    Ok(Some(items))
}
