//! Reading and changing sessions.
//!
//! `sessions`: session key to [`Row`], ranked by when it was last used;
//! `session-details`: session key to [`Details`], where there are any;
//! `transcript:<sessionId>`: the transcript. All three change in one transaction.

use crate::row::{Details, MAIN_KEY, Row};
use crate::transcript;
use openclaw_sdk::documents::{Database, Document, Transaction};
use openclaw_sdk::{Call, Error, Result, now_ms};
use serde::Serialize;

pub(crate) const SESSIONS: &str = "sessions";
pub(crate) const DETAILS: &str = "session-details";

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: usize = 5;

/// A session as it was read.
pub(crate) struct Session {
    pub(crate) row: Row,
    pub(crate) details: Details,
    /// 0 when it is not stored yet.
    version: u64,
    had_details: bool,
}

impl Session {
    /// A session that is not stored yet.
    pub(crate) fn new(row: Row) -> Self {
        Self { row, details: Details::default(), version: 0, had_details: false }
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.version > 0
    }

    /// The log of its transcript; none before there is a session id.
    pub(crate) fn log(&self) -> Option<String> {
        self.row.session_id.as_deref().map(transcript::log_of)
    }
}

/// The key as it is stored: `main` is the main session of the main agent.
pub(crate) fn canonical(key: &str) -> Result<String> {
    match key.trim() {
        "" => Err(Error::invalid("the session key is empty")),
        "main" => Ok(MAIN_KEY.into()),
        key if key.len() > 512 => Err(Error::invalid("the session key is longer than 512 bytes")),
        key => Ok(key.into()),
    }
}

/// A session with its details; none when there is none of that key.
pub(crate) fn read(database: &Database, key: &str) -> Result<Option<Session>> {
    let Some(document) = database.collection(SESSIONS).document(key)? else {
        return Ok(None);
    };
    let details = database.collection(DETAILS).get(key)?;
    Ok(Some(Session {
        row: document.parse()?,
        version: document.version,
        had_details: details.is_some(),
        details: details.unwrap_or_default(),
    }))
}

/// The row alone.
pub(crate) fn read_row(database: &Database, key: &str) -> Result<Option<Row>> {
    database.collection(SESSIONS).get(key)
}

/// The details of a page of rows, in their order.
pub(crate) fn details_of(database: &Database, rows: &[Document]) -> Result<Vec<Details>> {
    let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
    database
        .collection(DETAILS)
        .get_many(&keys)?
        .into_iter()
        .map(|found| found.map_or_else(|| Ok(Details::default()), |document| document.parse()))
        .collect()
}

/// Adds the writes of a session to a transaction. They hold only if nobody
/// changed it since it was read.
pub(crate) fn write<'a>(transaction: Transaction<'a>, session: &Session) -> Result<Transaction<'a>> {
    let row = &session.row;
    let rank = row.updated_at.cast_signed();
    let transaction = if session.is_stored() {
        transaction.update(SESSIONS, &row.key, row, rank, session.version)?
    } else {
        transaction.insert(SESSIONS, &row.key, row, rank)?
    };
    if session.had_details || session.details != Details::default() {
        return transaction.put(DETAILS, &row.key, &session.details, rank);
    }
    Ok(transaction)
}

/// Adds the removal of a session, but not of its transcript.
pub(crate) fn remove<'a>(transaction: Transaction<'a>, session: &Session) -> Transaction<'a> {
    let key = &session.row.key;
    transaction.delete_version(SESSIONS, key, session.version).delete(DETAILS, key)
}

/// Reads a session, changes it and writes it; begins again when somebody else
/// was faster. `change` is given none when there is no such session.
pub(crate) fn change<T>(
    database: &Database,
    key: &str,
    mut change: impl FnMut(Option<Session>) -> Result<T>,
) -> Result<T> {
    let mut attempt = 1;
    loop {
        match change(read(database, key)?) {
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// Tells the tenant's connections that a session changed.
pub(crate) fn publish_changed(call: &Call, key: &str, reason: &str) -> Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Changed<'a> {
        key: &'a str,
        session_key: &'a str,
        reason: &'a str,
        ts: u64,
    }
    let payload = Changed { key, session_key: key, reason, ts: now_ms() };
    call.events()?.publish("sessions.changed", &payload)?;
    Ok(())
}

/// The refusal for a key that names nothing.
pub(crate) fn no_session(key: &str) -> Error {
    Error::not_found(format!("there is no session {key}"))
}
