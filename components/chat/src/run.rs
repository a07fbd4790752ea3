//! What is kept of a run: one document a run, under the id that the client chose.

use crate::settings::Left;
use openclaw_sdk::documents::{Database, Order, Range, Transaction};
use openclaw_sdk::{Error, Result, now_ms};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const RUNS: &str = "runs";

/// How many runs are remembered; a few more until somebody looks.
const KEPT: u64 = 1000;
const SLACK: u32 = 100;

/// The longest id of a client's.
const ID_BYTES: usize = 128;

/// The most bytes of an answer that a run keeps; the transcript has it whole.
const TEXT_BYTES: usize = 128 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Queued,
    Running,
    Ok,
    Error,
    Aborted,
}

impl Status {
    pub(crate) fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A message on its way to an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) session_key: String,
    /// Empty once the run has ended.
    pub(crate) message: String,
    /// By which it is known once it has ended.
    #[serde(default)]
    pub(crate) asked: Asked,
    #[serde(default)]
    pub(crate) thinking: Option<String>,
    #[serde(default)]
    pub(crate) extra_system_prompt: Option<String>,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
    /// The session that is told of the answer.
    #[serde(default)]
    pub(crate) reports_to: Option<String>,
    /// What the run that spawned its session left to it.
    #[serde(default)]
    pub(crate) limits: Option<Left>,
    /// Its message is the answer of a session that this one spawned.
    #[serde(default)]
    pub(crate) is_report: bool,
    /// Of which session.
    #[serde(default)]
    pub(crate) reported_by: Option<String>,
    pub(crate) status: Status,
    /// The message is in the transcript.
    #[serde(default)]
    pub(crate) has_begun: bool,
    pub(crate) accepted_at: u64,
    #[serde(default)]
    pub(crate) started_at: Option<u64>,
    #[serde(default)]
    pub(crate) ended_at: Option<u64>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) outcome: Option<Outcome>,
}

/// What a run was asked: SHA-256 of its session and its message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Asked(String);

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// The last thing that the model said.
    pub(crate) text: String,
    pub(crate) session_id: String,
    #[serde(default)]
    pub(crate) provider: Option<String>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    pub(crate) stop_reason: String,
    pub(crate) usage: Usage,
}

/// What the model calls of a run were billed, as their rows have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) reasoning: u64,
    pub(crate) total_tokens: u64,
    pub(crate) cost_usd: String,
}

impl Run {
    pub(crate) fn new(id: String, session_key: String, message: String) -> Self {
        Self {
            asked: Asked::of(&session_key, &message),
            id,
            session_key,
            message,
            thinking: None,
            extra_system_prompt: None,
            timeout_ms: None,
            reports_to: None,
            limits: None,
            is_report: false,
            reported_by: None,
            status: Status::Queued,
            has_begun: false,
            accepted_at: now_ms(),
            started_at: None,
            ended_at: None,
            error: None,
            outcome: None,
        }
    }

    /// Refuses another message, or another session, under the id of this run.
    pub(crate) fn check_same(&self, asked: &Asked) -> Result<()> {
        // Older releases wrote down nothing of it.
        if self.asked == *asked || self.asked == Asked::default() {
            return Ok(());
        }
        let id = &self.id;
        Err(Error::conflict(format!("the idempotencyKey {id} is that of another message or session: take a new one")))
    }

    /// Ends it: what it is remembered by is how, not what it was asked.
    pub(crate) fn end(&mut self, status: Status, error: Option<String>, outcome: Option<Outcome>) {
        self.status = status;
        self.error = error;
        self.outcome = outcome.map(Outcome::bounded);
        self.ended_at = Some(now_ms());
        self.message = String::new();
        self.extra_system_prompt = None;
    }

    /// Its message, as a transcript has it, with the run's id: of two equal ones it tells which is written. What no
    /// user wrote says who did, in OpenClaw's words.
    pub(crate) fn heard(&self) -> Value {
        let content = json!([{ "type": "text", "text": self.message }]);
        let mut message =
            json!({ "role": "user", "content": content, "timestamp": now_ms(), "idempotencyKey": self.id });
        if let Some(session) = &self.reported_by {
            message["provenance"] = json!({
                "kind": "inter_session", "sourceSessionKey": session, "sourceTool": "session_spawn",
                "sourceRole": "subagent",
            });
        }
        message
    }

    pub(crate) fn write<'a>(&self, transaction: Transaction<'a>) -> Result<Transaction<'a>> {
        transaction.put(RUNS, &self.id, self, self.accepted_at.cast_signed())
    }

    /// Written for the first time.
    pub(crate) fn insert<'a>(&self, transaction: Transaction<'a>) -> Result<Transaction<'a>> {
        transaction.insert(RUNS, &self.id, self, self.accepted_at.cast_signed())
    }

    pub(crate) fn find(database: &Database, id: &str) -> Result<Option<Self>> {
        database.collection(RUNS).get(id)
    }
}

impl Asked {
    fn of(session_key: &str, message: &str) -> Self {
        // With its length in front, a key ends where it ends.
        let digest = Sha256::digest(format!("{} {session_key}{message}", session_key.len()));
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Outcome {
    fn bounded(mut self) -> Self {
        if self.text.len() > TEXT_BYTES {
            let end = self.text.floor_char_boundary(TEXT_BYTES);
            self.text.truncate(end);
            self.text.push('…');
        }
        self
    }
}

/// A client's own id for its run: one of them is run once.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > ID_BYTES || id.chars().any(char::is_control) {
        return Err(Error::invalid(format!("idempotencyKey has 1 to {ID_BYTES} bytes, and no control characters")));
    }
    Ok(())
}

/// Forgets the oldest runs that have ended, where there are too many.
pub(crate) fn forget_old(database: &Database) -> Result<()> {
    let runs = database.collection(RUNS);
    if runs.count("")? <= KEPT + u64::from(SLACK) {
        return Ok(());
    }
    let oldest = runs.scan(&Range::first(SLACK, Order::RankAscending))?;
    let mut transaction = database.transaction();
    for document in oldest.documents {
        let run: Run = document.parse()?;
        if run.status.has_ended() {
            transaction = transaction.delete_version(RUNS, &document.key, document.version);
        }
    }
    transaction.commit().map(drop)
}
