//! Transcripts that are no longer a session's: kept whole under a name of their
//! own, as OpenClaw keeps `<sessionId>.jsonl.reset.<ts>`.
//!
//! `archives`: name to [`Archived`]. The log keeps its lines.

use openclaw_sdk::Result;
use openclaw_sdk::documents::Transaction;
use serde::Serialize;

const ARCHIVES: &str = "archives";

/// Where the lines of an archive are, and why.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Archived<'a> {
    session_key: &'a str,
    session_id: &'a str,
    log: &'a str,
    reason: &'a str,
    archived_at_ms: u64,
}

/// Adds the record of an archive to a transaction; answers its name too.
pub(crate) fn record<'a>(
    transaction: Transaction<'a>,
    session_key: &str,
    session_id: &str,
    log: &str,
    reason: &str,
    now: u64,
) -> Result<(Transaction<'a>, String)> {
    let name = format!("{session_id}.jsonl.{reason}.{now}");
    let archived = Archived { session_key, session_id, log, reason, archived_at_ms: now };
    let transaction = transaction.put(ARCHIVES, &name, &archived, now.cast_signed())?;
    Ok((transaction, name))
}
