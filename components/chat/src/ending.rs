//! How a run ended, as the last line of its answer has it.
//!
//! The transcript and the runs are in the databases of two families, which no write changes together. So what a run
//! came to is written with its last line, and the run's document follows; where nobody was left to write that, the line
//! says how it is to be ended.

use crate::run::{Outcome, Run, Status, Usage};
use crate::session::{JUST_WRITTEN, Session};
use openclaw_sdk::Result;
use openclaw_sdk::documents::Entry;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the line has beside its message.
#[derive(Serialize, Deserialize)]
struct Ending {
    id: String,
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Of all its calls of models; the message has that of the last.
    usage: Usage,
}

/// The last line of a run, as far as it must be understood.
#[derive(Deserialize)]
pub(crate) struct LastLine {
    run: Ending,
    message: Value,
}

/// What a line has of its own that holds this message and ends the run.
pub(crate) fn last_line(run: &Run, message: &Value, (status, error): (Status, Option<String>), usage: &Usage) -> Value {
    let ending = Ending { id: run.id.clone(), status, error, usage: usage.clone() };
    json!({ "message": message, "run": ending })
}

impl LastLine {
    /// That of a run, where it has come to it. Another of this id was long ago, where there was one.
    pub(crate) fn find(session: &Session<'_>, run: &Run) -> Result<Option<Self>> {
        let is_its_own = |line: &Self| {
            line.run.id == run.id && line.message["timestamp"].as_u64().is_some_and(|at| at >= run.accepted_at)
        };
        Ok(session.lines(JUST_WRITTEN)?.iter().rev().filter_map(parse).find(is_its_own))
    }

    /// Ends the run as the line says; the message is the line's.
    pub(crate) fn end(self, run: &mut Run, session_id: &str) -> Value {
        let Self { run: Ending { status, error, usage, .. }, message } = self;
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        let parts = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        let outcome = Outcome {
            text: parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            session_id: session_id.to_owned(),
            provider: text("provider"),
            model: text("model"),
            stop_reason: text("stopReason").unwrap_or_default(),
            usage,
        };
        run.end(status, error, Some(outcome));
        message
    }
}

/// None of a line that ends no run.
#[allow(clippy::disallowed_methods, reason = "a line of the family sessions, into types of ours")]
fn parse(entry: &Entry) -> Option<LastLine> {
    serde_json::from_slice(&entry.value).ok()
}
