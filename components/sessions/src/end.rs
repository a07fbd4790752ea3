//! What ends a transcript or a part of it: `sessions.reset`, `sessions.delete`
//! and `sessions.compact`.

use crate::archive;
use crate::row::{Entry, MAIN_KEY, Row, entry_of};
use crate::store::{self, Session, canonical, change, no_session, publish_changed};
use crate::transcript;
use openclaw_sdk::documents::Database;
use openclaw_sdk::{Call, Error, Result, now_ms, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    key: String,
    /// What `sessions.changed` gives as its reason.
    #[serde(default)]
    reason: Reason,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Reason {
    New,
    #[default]
    Reset,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct WasReset {
    ok: bool,
    key: String,
    entry: Entry,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Delete {
    key: String,
    /// False keeps the transcript as an archive.
    #[serde(default = "yes")]
    delete_transcript: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Deleted {
    ok: bool,
    key: String,
    /// False when there was no such session.
    deleted: bool,
    /// Names of the archives that were made.
    archived: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Compact {
    key: String,
    #[serde(default = "four_hundred")]
    #[schemars(range(min = 1, max = 100_000))]
    max_lines: u64,
}

fn four_hundred() -> u64 {
    400
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Compacted {
    ok: bool,
    key: String,
    compacted: bool,
    /// Lines that the transcript has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<u64>,
    /// The name of the archive that has all lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<String>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

pub(crate) fn reset(call: &Call, params: Reset) -> Result<WasReset> {
    let key = canonical(&params.key)?;
    let database = call.documents()?;
    let entry = change(&database, &key, |found| {
        let now = now_ms();
        let Some(mut session) = found else {
            let session = Session::new(Row::new(&key, ulid(), now));
            store::write(database.transaction(), &session)?.commit()?;
            return entry_of(&session.row, &session.details);
        };
        let old = session.row.session_id.take();
        begin_anew(&mut session, now);
        let mut transaction = store::write(database.transaction(), &session)?;
        if let Some(id) = old {
            let log = transcript::log_of(&id);
            if database.log_length(&log)? > 0 {
                (transaction, _) = archive::record(transaction, &key, &id, &log, "reset", now)?;
            }
        }
        transaction.commit()?;
        entry_of(&session.row, &session.details)
    })?;
    let reason = match params.reason {
        Reason::New => "new",
        Reason::Reset => "reset",
    };
    publish_changed(call, &key, reason)?;
    Ok(WasReset { ok: true, key, entry })
}

/// Settings stay; what the conversation so far left behind goes.
fn begin_anew(session: &mut Session, now: u64) {
    let row = &mut session.row;
    row.session_id = Some(ulid());
    row.updated_at = now;
    row.system_sent = Some(false);
    row.aborted_last_run = Some(false);
    (row.input_tokens, row.output_tokens) = (Some(0), Some(0));
    (row.total_tokens, row.total_tokens_fresh) = (Some(0), Some(true));
    let details = &mut session.details;
    details.derived_title = None;
    details.last_message_preview = None;
    details.compaction_count = None;
}

pub(crate) fn delete(call: &Call, params: Delete) -> Result<Deleted> {
    let key = canonical(&params.key)?;
    if key == MAIN_KEY {
        return Err(Error::invalid("the main session cannot be deleted; sessions.reset empties it"));
    }
    let database = call.documents()?;
    let (deleted, archived) = change(&database, &key, |found| {
        let Some(session) = found else {
            return Ok((false, Vec::new()));
        };
        let mut archived = Vec::new();
        let mut transaction = store::remove(database.transaction(), &session);
        if let (Some(id), Some(log)) = (&session.row.session_id, session.log()) {
            if params.delete_transcript {
                transaction = transaction.trim(&log, 0);
            } else if database.log_length(&log)? > 0 {
                let name;
                (transaction, name) = archive::record(transaction, &key, id, &log, "deleted", now_ms())?;
                archived.push(name);
            }
        }
        transaction.commit()?;
        Ok((true, archived))
    })?;
    if deleted {
        publish_changed(call, &key, "delete")?;
    }
    Ok(Deleted { ok: true, key, deleted, archived })
}

pub(crate) fn compact(call: &Call, params: Compact) -> Result<Compacted> {
    let key = canonical(&params.key)?;
    let database = call.documents()?;
    let session = store::read(&database, &key)?.ok_or_else(|| no_session(&key))?;
    let nothing = |kept, reason| Compacted {
        ok: true,
        key: key.clone(),
        compacted: false,
        kept,
        archived: None,
        reason: Some(reason),
    };
    let (Some(id), Some(log)) = (session.row.session_id.clone(), session.log()) else {
        return Ok(nothing(None, "no sessionId"));
    };
    match database.log_length(&log)? {
        0 => return Ok(nothing(None, "no transcript")),
        lines if lines <= params.max_lines => return Ok(nothing(Some(lines), "short enough")),
        _ => {}
    }
    let archived = shorten(&database, session, &id, &log, params.max_lines)?;
    publish_changed(call, &key, "compact")?;
    Ok(Compacted {
        ok: true,
        key,
        compacted: true,
        kept: Some(params.max_lines),
        archived: Some(archived),
        reason: None,
    })
}

/// Copies the transcript to an archive, then leaves its header and newest lines.
fn shorten(database: &Database, mut session: Session, id: &str, log: &str, max_lines: u64) -> Result<String> {
    let now = now_ms();
    let copy = format!("archive:{id}:{now}");
    transcript::for_each_page(database, log, |page| {
        let lines = page.into_iter().map(|entry| entry.value).collect();
        database.transaction().append(&copy, lines).commit()?;
        Ok(())
    })?;
    let cwd = session.details.cwd.clone();
    let mut lines = vec![transcript::header(id, now, cwd.as_deref(), None)?];
    let newest = transcript::newest(database, log, max_lines.saturating_sub(1))?;
    lines.extend(newest.into_iter().map(|entry| entry.value));
    session.row.updated_at = now;
    session.row.total_tokens_fresh = Some(false);
    session.details.compaction_count = Some(session.details.compaction_count.unwrap_or(0) + 1);
    // The version of the session guards the log too: whoever appends writes both.
    let transaction = store::write(database.transaction(), &session)?.trim(log, 0).append(log, lines);
    let (transaction, name) = archive::record(transaction, &session.row.key, id, &copy, "bak", now)?;
    transaction.commit()?;
    Ok(name)
}
