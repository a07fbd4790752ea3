//! The calls that are admitted and have not ended.
//!
//! Those of a tenant that were admitted in one group are one row, since a row for each would cost nearly as much as
//! the calls' own. A call ends by its own row (a workload by what was metered of it), in the transaction that writes
//! it; one that never was is taken out here. A row all of whose calls have ended says nothing more: the next takes its
//! place, or it goes with the timer that looks for what is open past its time.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use openclaw_tenancy::PicoUsd;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Result, params};
use serde::Deserialize;

use super::days::Owner;
use super::records::{Amounts, CallId, Caller, IdText};
use super::sql::pico;
use crate::price::TokenCounts;

/// Openings of the ledger do not share numbers: what belongs to an earlier one is found to have ended.
const NUMBERS: u32 = 32;

/// What is set aside for a call until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) id: CallId,
    pub(super) caller: Caller,
    pub(super) method: String,
    /// Empty for a sandboxed workload.
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) rate_card_version: String,
    pub(super) tokens: TokenCounts,
    pub(super) amounts: Amounts,
    /// The day that it is charged to.
    pub(super) day_ms: i64,
    pub(super) started_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// Of the caller.
    pub(super) owners: Vec<Arc<Owner>>,
}

/// The same as it is kept, in lists, which are short; its tenant is the row's. What is the same as of the call before
/// it is left out: whose it is but for the id, what was asked, what is set aside for it, and when.
#[derive(Deserialize)]
struct Kept {
    whose: Vec<Option<String>>,
    asked: Vec<String>,
    amounts: Option<([u64; 6], i64, u64)>,
    times_ms: Option<(i64, i64, i64)>,
}

/// The calls of a row, as they are kept.
#[derive(Default)]
pub(super) struct Calls {
    /// But for the last bracket.
    json: Vec<u8>,
    last: Option<Arc<Reserved>>,
}

/// The rows of this opening of the ledger.
#[derive(Debug)]
pub(super) struct OpenCalls {
    next: AtomicI64,
    /// Rows all of whose calls have ended.
    free: Mutex<Vec<i64>>,
}

/// The calls of one row.
#[derive(Debug)]
pub(super) struct Cohort {
    pub(super) seq: i64,
    running: AtomicUsize,
    open: Arc<OpenCalls>,
}

impl Reserved {
    pub(super) fn is_of_sandbox(&self) -> bool {
        self.provider.is_empty()
    }

    fn asked(&self) -> [&String; 4] {
        [&self.method, &self.provider, &self.model, &self.rate_card_version]
    }

    fn set_aside(&self) -> ([u64; 6], i64, u64) {
        (self.tokens.to_array(), pico(self.amounts.cost), self.amounts.sandbox_ms)
    }

    fn times_ms(&self) -> (i64, i64, i64) {
        (self.day_ms, self.started_at.as_millisecond(), self.expires_at.as_millisecond())
    }
}

impl Calls {
    /// False where they would be longer than `most` bytes with it; a first call is there however long it is.
    pub(super) fn push(&mut self, call: &Arc<Reserved>, most: usize) -> bool {
        let length = self.json.len();
        self.json.push(if self.last.is_some() { b',' } else { b'[' });
        let mut id = IdText::default();
        let id = call.id.text(&mut id);
        let last = self.last.as_deref();
        let amounts = Some(call.set_aside()).filter(|amounts| last.is_none_or(|last| last.set_aside() != *amounts));
        let times_ms = Some(call.times_ms()).filter(|times| last.is_none_or(|last| last.times_ms() != *times));
        let is_as_before = last.is_some_and(|last| last.caller == call.caller && last.asked() == call.asked());
        let written = if is_as_before {
            serde_json::to_writer(&mut self.json, &([id], [(); 0], amounts, times_ms))
        } else {
            let Caller { agent, session, run, component, .. } = &call.caller;
            let whose = (id, agent, session, run, component);
            serde_json::to_writer(&mut self.json, &(whose, call.asked(), amounts, times_ms))
        };
        debug_assert!(written.is_ok(), "lists of texts and numbers, into memory");
        let has_room = length == 0 || self.json.len() <= most;
        if has_room {
            self.last = Some(Arc::clone(call));
        } else {
            self.json.truncate(length);
        }
        has_room
    }

    fn into_text(mut self) -> Result<String> {
        self.json.push(b']');
        String::from_utf8(self.json).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl Kept {
    /// None where it is not the ledger's own writing.
    fn into_reserved(self, tenant: &str, before: Option<&Reserved>) -> Option<Reserved> {
        let id = self.whose.first()?.as_ref()?.parse().ok()?;
        let caller = match <[_; 5]>::try_from(self.whose) {
            Ok([_, agent, session, run, component]) => {
                Caller { tenant: tenant.parse().ok()?, agent: agent?, session, run, component: component? }
            }
            Err(_) => before?.caller.clone(),
        };
        let [method, provider, model, rate_card_version] = match <[_; 4]>::try_from(self.asked) {
            Ok(asked) => asked,
            Err(_) => before?.asked().map(String::clone),
        };
        let (tokens, cost, sandbox_ms) = self.amounts.or_else(|| Some(before?.set_aside()))?;
        let (day_ms, started_at_ms, expires_at_ms) = self.times_ms.or_else(|| Some(before?.times_ms()))?;
        let (tokens, cost) = (TokenCounts::from_array(tokens), PicoUsd::from_pico(u128::try_from(cost).ok()?));
        Some(Reserved {
            id,
            owners: Owner::of_caller(&caller),
            caller,
            method,
            provider,
            model,
            rate_card_version,
            tokens,
            amounts: Amounts { cost, tokens: tokens.total(), sandbox_ms },
            day_ms,
            started_at: Timestamp::from_millisecond(started_at_ms).ok()?,
            expires_at: Timestamp::from_millisecond(expires_at_ms).ok()?,
        })
    }
}

impl OpenCalls {
    /// Of the so-manieth opening.
    pub(super) fn new(opening: i64) -> Arc<Self> {
        Arc::new(Self { next: AtomicI64::new(opening << NUMBERS), free: Mutex::default() })
    }

    /// It takes the place of one that has ended.
    pub(super) fn begin_cohort(self: &Arc<Self>) -> Arc<Cohort> {
        let free = self.free().pop();
        let seq = free.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
        Arc::new(Cohort { seq, running: AtomicUsize::new(0), open: Arc::clone(self) })
    }

    fn free(&self) -> MutexGuard<'_, Vec<i64>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cohort {
    pub(super) fn add_call(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// To be told once of each call, when its end is committed.
    pub(super) fn end_call(&self) {
        if self.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.open.free().push(self.seq);
        }
    }
}

pub(super) fn put(db: &Connection, seq: i64, tenant: &str, expires_at_ms: i64, calls: Calls) -> Result<()> {
    db.prepare_cached("REPLACE INTO usage_open_calls VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![seq, tenant, expires_at_ms, calls.into_text()?])
        .map(drop)
}

pub(super) fn remove(db: &Connection, seq: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM usage_open_calls WHERE seq = ?1")?.execute([seq]).map(drop)
}

pub(super) fn exists(db: &Connection, seq: i64) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM usage_open_calls WHERE seq = ?1")?.exists([seq])
}

/// Takes a call out of its row that has none of its own; none where it is not there, or has ended.
pub(super) fn take(db: &Connection, seq: i64, tenant: &str, id: CallId) -> Result<Option<Reserved>> {
    let find = "SELECT calls FROM usage_open_calls WHERE seq = ?1 AND tenant = ?2";
    let found: Option<String> =
        db.prepare_cached(find)?.query_row(params![seq, tenant], |row| row.get(0)).optional()?;
    let Some(text) = found else { return Ok(None) };
    let (taken, left): (Vec<_>, Vec<_>) = parsed(tenant, &text)?.into_iter().partition(|call| call.id == id);
    if taken.is_empty() {
        return Ok(None);
    }
    if left.is_empty() {
        remove(db, seq)?;
    } else {
        let mut calls = Calls::default();
        for call in left {
            calls.push(&Arc::new(call), usize::MAX);
        }
        db.prepare_cached("UPDATE usage_open_calls SET calls = ?2 WHERE seq = ?1")?
            .execute(params![seq, calls.into_text()?])?;
    }
    let ended = has_ended(db, tenant, id)?;
    Ok(taken.into_iter().next().filter(|_| !ended))
}

/// The rows which have a call that expires by then, or all, each with its calls that have not ended.
pub(super) fn rows(db: &Connection, expired_at: Option<Timestamp>) -> Result<Vec<(i64, Vec<Reserved>)>> {
    let by = expired_at.unwrap_or(Timestamp::MAX).as_millisecond();
    let mut statement =
        db.prepare_cached("SELECT seq, tenant, calls FROM usage_open_calls WHERE expires_at_ms <= ?1 ORDER BY seq")?;
    let mut found = statement.query([by])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let (seq, tenant, text): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut calls = Vec::new();
        for call in parsed(&tenant, &text)? {
            if !has_ended(db, &tenant, call.id)? {
                calls.push(call);
            }
        }
        rows.push((seq, calls));
    }
    Ok(rows)
}

fn has_ended(db: &Connection, tenant: &str, id: CallId) -> Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM usage_calls WHERE tenant = ?1 AND id = ?2
         UNION ALL SELECT 1 FROM usage_metered WHERE tenant = ?1 AND id = ?2",
    )?
    .exists(params![tenant, id.to_string()])
}

#[allow(clippy::disallowed_methods, reason = "the ledger's own writing")]
fn parsed(tenant: &str, text: &str) -> Result<Vec<Reserved>> {
    let kept: Vec<Kept> =
        serde_json::from_str(text).map_err(|error| Error::FromSqlConversionFailure(2, Type::Text, Box::new(error)))?;
    let mut calls = Vec::with_capacity(kept.len());
    for call in kept {
        let call = call.into_reserved(tenant, calls.last()).ok_or(Error::InvalidQuery)?;
        calls.push(call);
    }
    Ok(calls)
}

#[cfg(test)]
mod tests;
