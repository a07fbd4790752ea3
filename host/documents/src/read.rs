//! The reading half: one function a query, each on an open session.
//!
//! Every function counts the bytes it collects. Where a read turns out heavier than its `Effort`
//! allows it stops with `Halt::Heavy`, having changed nothing, and is run again with more.

use std::borrow::Cow;

use rusqlite::types::Value;
use rusqlite::{ErrorCode, OptionalExtension, Row, params};

use crate::connection::Session;
use crate::cursor::{self, Position};
use crate::limits::MAX_ANSWER_BYTES;
use crate::{Document, Error, LogEntry, LogTotals, Order, Page, Range};

/// Where an operation runs, and so how much it may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// On an async thread: no more than `INLINE_BYTES` of values and a bounded number of SQLite's steps.
    Inline,
    /// On a thread that may block.
    Blocking,
}

/// Most bytes of values that a read collects on an async thread.
const INLINE_BYTES: usize = 256 << 10;

/// SQLite's steps between two looks at the allowance, and how many looks an async thread may take:
/// together about a millisecond. A scan of 100 documents takes some 2,000 steps.
pub(crate) const STEPS_A_LOOK: i32 = 1_000;
pub(crate) const INLINE_LOOKS: i32 = 16;

/// Why a read ended without an answer.
#[derive(Debug)]
pub(crate) enum Halt {
    Heavy,
    Sqlite(rusqlite::Error),
    Error(Error),
}

impl From<rusqlite::Error> for Halt {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::Heavy,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

type Read<T> = Result<T, Halt>;

/// Counts collected bytes against what the effort and the answer allow.
struct Tally {
    effort: Effort,
    bytes: usize,
}

impl Tally {
    fn new(effort: Effort) -> Self {
        Self { effort, bytes: 0 }
    }

    /// Whether another value still fits the answer; the first always does.
    fn admits(&mut self, bytes: usize) -> Read<bool> {
        let first = self.bytes == 0;
        self.bytes += bytes + 1;
        if self.effort == Effort::Inline && self.bytes > INLINE_BYTES {
            return Err(Halt::Heavy);
        }
        Ok(first || self.bytes <= MAX_ANSWER_BYTES)
    }
}

pub(crate) fn get(session: &Session, collection: &str, key: &str) -> rusqlite::Result<Option<Document>> {
    session
        .connection
        .prepare_cached("SELECT value, version, rank FROM documents WHERE collection = ?1 AND key = ?2")?
        .query_row([collection, key], |row| {
            Ok(Document { key: key.to_owned(), value: row.get(0)?, version: row.get(1)?, rank: row.get(2)? })
        })
        .optional()
}

pub(crate) fn get_many(
    session: &Session,
    collection: &str,
    keys: &[String],
    effort: Effort,
) -> Read<Vec<Option<Document>>> {
    let mut tally = Tally::new(effort);
    let mut documents = Vec::with_capacity(keys.len());
    for key in keys {
        let document = get(session, collection, key)?;
        if !tally.admits(document.as_ref().map_or(0, |document| document.value.len()))? {
            return Err(Error::TooLarge { what: "answer", bytes: tally.bytes, limit: MAX_ANSWER_BYTES }.into());
        }
        documents.push(document);
    }
    Ok(documents)
}

// Each order has its statement. ?2 and ?3 bound the keys; ?6 and ?7 are the rank and key to begin after.
// A key range would draw the planner to the primary key and a sort: the index is named.
const BY_KEY: &str = "SELECT key, value, version, rank FROM documents
    WHERE collection = ?1 AND key >= ?2 AND key < ?3
    ORDER BY key LIMIT ?4 OFFSET ?5";
const BY_KEY_DESCENDING: &str = "SELECT key, value, version, rank FROM documents
    WHERE collection = ?1 AND key >= ?2 AND key < ?3
    ORDER BY key DESC LIMIT ?4 OFFSET ?5";
const BY_RANK: &str = "SELECT key, value, version, rank FROM documents INDEXED BY documents_by_rank
    WHERE collection = ?1 AND key >= ?2 AND key < ?3 AND rank >= ?6 AND (rank > ?6 OR key > ?7)
    ORDER BY rank, key LIMIT ?4 OFFSET ?5";
const BY_RANK_DESCENDING: &str = "SELECT key, value, version, rank FROM documents INDEXED BY documents_by_rank
    WHERE collection = ?1 AND key >= ?2 AND key < ?3 AND rank <= ?6 AND (rank < ?6 OR key > ?7)
    ORDER BY rank DESC, key LIMIT ?4 OFFSET ?5";

/// What a scan asks of SQLite: `lower <= key < upper`, and for ranks a position to begin after.
struct Bounds<'a> {
    lower: Cow<'a, str>,
    upper: Value,
    position: Position<'a>,
}

impl<'a> Bounds<'a> {
    fn of(range: &'a Range) -> Result<Self, Error> {
        let after = range.after.as_deref().map(|after| cursor::decode(range.order, after)).transpose()?;
        let mut bounds = Self {
            lower: Cow::Borrowed(&range.prefix),
            upper: past_prefix(&range.prefix),
            position: Position {
                rank: if range.order == Order::RankDescending { i64::MAX } else { i64::MIN },
                key: "",
            },
        };
        let Some(after) = after else { return Ok(bounds) };
        match range.order {
            // No key holds a NUL: this is the first text after the key.
            Order::KeyAscending if after.key >= range.prefix.as_str() => {
                bounds.lower = Cow::Owned(format!("{}\0", after.key));
            }
            Order::KeyDescending if !is_text_below(&bounds.upper, after.key) => {
                bounds.upper = Value::Text(after.key.to_owned());
            }
            Order::KeyAscending | Order::KeyDescending => {}
            Order::RankAscending | Order::RankDescending => bounds.position = after,
        }
        Ok(bounds)
    }
}

fn is_text_below(bound: &Value, key: &str) -> bool {
    matches!(bound, Value::Text(text) if text.as_str() < key)
}

pub(crate) fn scan(session: &Session, collection: &str, range: &Range, effort: Effort) -> Read<Page> {
    let Bounds { lower, upper, position } = Bounds::of(range)?;
    let limit = range.limit as usize;
    let fetched = range.limit + 1;
    let prepare = |statement| session.connection.prepare_cached(statement);
    let by_key = params![collection, lower, upper, fetched, range.skip];
    let by_rank = params![collection, lower, upper, fetched, range.skip, position.rank, position.key];
    let (mut query, values) = match range.order {
        Order::KeyAscending => (prepare(BY_KEY)?, by_key),
        Order::KeyDescending => (prepare(BY_KEY_DESCENDING)?, by_key),
        Order::RankAscending => (prepare(BY_RANK)?, by_rank),
        Order::RankDescending => (prepare(BY_RANK_DESCENDING)?, by_rank),
    };
    let mut rows = query.query(values)?;
    let mut tally = Tally::new(effort);
    let mut page = Page { documents: Vec::with_capacity(limit.min(128)), next: None };
    while let Some(row) = rows.next()? {
        if page.documents.len() == limit || !tally.admits(value_bytes(row, 1)?)? {
            page.next = page.documents.last().map(|last| cursor::encode(range.order, last));
            break;
        }
        page.documents.push(Document { key: row.get(0)?, value: row.get(1)?, version: row.get(2)?, rank: row.get(3)? });
    }
    Ok(page)
}

pub(crate) fn count(session: &Session, collection: &str, prefix: &str) -> rusqlite::Result<u64> {
    session
        .connection
        .prepare_cached("SELECT count(*) FROM documents WHERE collection = ?1 AND key >= ?2 AND key < ?3")?
        .query_row(params![collection, prefix, past_prefix(prefix)], |row| row.get(0))
}

const LOG_AFTER: &str = "SELECT sequence, value FROM logs WHERE log = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
const LOG_TAIL: &str = "SELECT sequence, value FROM logs WHERE log = ?1 ORDER BY sequence DESC LIMIT ?2";

pub(crate) fn log_after(session: &Session, log: &str, after: u64, limit: u32, effort: Effort) -> Read<Vec<LogEntry>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut query = session.connection.prepare_cached(LOG_AFTER)?;
    entries(query.query(params![log, after, limit])?, effort)
}

pub(crate) fn log_tail(session: &Session, log: &str, limit: u32, effort: Effort) -> Read<Vec<LogEntry>> {
    let mut query = session.connection.prepare_cached(LOG_TAIL)?;
    let mut entries = entries(query.query(params![log, limit])?, effort)?;
    entries.reverse();
    Ok(entries)
}

fn entries(mut rows: rusqlite::Rows<'_>, effort: Effort) -> Read<Vec<LogEntry>> {
    let mut tally = Tally::new(effort);
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        if !tally.admits(value_bytes(row, 1)?)? {
            break;
        }
        entries.push(LogEntry { sequence: row.get(0)?, value: row.get(1)? });
    }
    Ok(entries)
}

/// A log has no gaps, so its ends tell its length without a count.
pub(crate) fn log_length(session: &Session, log: &str) -> rusqlite::Result<u64> {
    let first = log_end(session, "SELECT min(sequence) FROM logs WHERE log = ?1", log)?;
    let last = log_end(session, "SELECT max(sequence) FROM logs WHERE log = ?1", log)?;
    Ok(first.zip(last).map_or(0, |(first, last)| last + 1 - first))
}

/// One look at the index for each log: its ends tell its length.
const LOG_TOTALS: &str = "WITH RECURSIVE names (log) AS (
        SELECT min(log) FROM logs WHERE log >= ?1 AND log < ?2
        UNION ALL
        SELECT (SELECT min(log) FROM logs WHERE log > names.log AND log < ?2) FROM names WHERE names.log IS NOT NULL
    )
    SELECT count(*), coalesce(sum(
        (SELECT max(sequence) FROM logs WHERE log = names.log) + 1
        - (SELECT min(sequence) FROM logs WHERE log = names.log)
    ), 0) FROM names WHERE log IS NOT NULL";

pub(crate) fn log_totals(session: &Session, prefix: &str) -> rusqlite::Result<LogTotals> {
    session.connection.prepare_cached(LOG_TOTALS)?.query_row(params![prefix, past_prefix(prefix)], |row| {
        Ok(LogTotals { logs: row.get(0)?, entries: row.get(1)? })
    })
}

pub(crate) fn count_ranked(session: &Session, collection: &str, lowest: i64) -> rusqlite::Result<u64> {
    session
        .connection
        .prepare_cached("SELECT count(*) FROM documents WHERE collection = ?1 AND rank >= ?2")?
        .query_row(params![collection, lowest], |row| row.get(0))
}

pub(crate) fn log_last(session: &Session, log: &str) -> rusqlite::Result<Option<u64>> {
    log_end(session, "SELECT max(sequence) FROM logs WHERE log = ?1", log)
}

fn log_end(session: &Session, statement: &str, log: &str) -> rusqlite::Result<Option<u64>> {
    session.connection.prepare_cached(statement)?.query_row([log], |row| row.get(0))
}

fn value_bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(row.get_ref(column)?.as_blob().map_or(0, <[u8]>::len))
}

/// In SQLite's order every blob comes after every text.
fn past_every_text() -> Value {
    Value::Blob(Vec::new())
}

/// The first text after all that begin with `prefix`: its last character raised by one.
pub(crate) fn past_prefix(prefix: &str) -> Value {
    let mut bound = prefix.to_owned();
    while let Some(last) = bound.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            bound.push(next);
            return Value::Text(bound);
        }
    }
    past_every_text()
}
