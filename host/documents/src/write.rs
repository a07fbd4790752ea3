//! The writing half: a group of transactions committed together, each all or nothing.

use rusqlite::{OptionalExtension, params};

use crate::connection::Session;
use crate::read::log_last;
use crate::{Error, Expectation, Operation, Result};

/// Why a transaction did not happen.
enum Failure {
    /// It alone is refused; those grouped with it go on.
    Refused(Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Commits the transactions with one commit, and answers each by its numbers or its own error.
/// Where the commit as a whole fails, each is tried alone, so that none fails for its neighbour.
pub(crate) fn commit(session: &mut Session, group: &[&[Operation]]) -> Vec<Result<Vec<u64>>> {
    match group {
        [single] => vec![alone(session, single)],
        _ => together(session, group)
            .unwrap_or_else(|_| group.iter().map(|operations| alone(session, operations)).collect()),
    }
}

fn alone(session: &mut Session, operations: &[Operation]) -> Result<Vec<u64>> {
    let outcome = begin(session).and_then(|()| {
        let numbers = apply(session, operations)?;
        run(session, "COMMIT")?;
        Ok(numbers)
    });
    outcome.map_err(|failure| {
        roll_back(session);
        explain(session, failure)
    })
}

fn together(session: &mut Session, group: &[&[Operation]]) -> std::result::Result<Vec<Result<Vec<u64>>>, Failure> {
    let outcome = begin(session).and_then(|()| {
        let answers =
            group.iter().map(|operations| nested(session, operations)).collect::<std::result::Result<_, _>>()?;
        run(session, "COMMIT")?;
        Ok(answers)
    });
    if outcome.is_err() {
        roll_back(session);
    }
    outcome
}

/// One member of a group, under a savepoint. An error of SQLite's ends the group.
fn nested(session: &mut Session, operations: &[Operation]) -> std::result::Result<Result<Vec<u64>>, Failure> {
    run(session, "SAVEPOINT member")?;
    let answer = match apply(session, operations) {
        Ok(numbers) => Ok(numbers),
        Err(Failure::Refused(error)) => {
            run(session, "ROLLBACK TO member")?;
            // Versions set aside inside the savepoint went with it.
            session.forget_reserved();
            Err(error)
        }
        Err(failure) => return Err(failure),
    };
    run(session, "RELEASE member")?;
    Ok(answer)
}

fn begin(session: &Session) -> std::result::Result<(), Failure> {
    Ok(run(session, "BEGIN")?)
}

fn run(session: &Session, statement: &str) -> rusqlite::Result<()> {
    session.connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn roll_back(session: &mut Session) {
    session.forget_reserved();
    // A full disk makes SQLite roll back by itself; what then remains to be done is nothing.
    if !session.connection.is_autocommit()
        && let Err(error) = run(session, "ROLLBACK")
    {
        tracing::error!(error = %session.error(&error), "a transaction could not be rolled back");
    }
}

fn explain(session: &Session, failure: Failure) -> Error {
    match failure {
        Failure::Refused(error) => error,
        Failure::Sqlite(error) => session.error(&error),
    }
}

fn apply(session: &mut Session, operations: &[Operation]) -> std::result::Result<Vec<u64>, Failure> {
    operations.iter().map(|operation| apply_one(session, operation)).collect()
}

fn apply_one(session: &mut Session, operation: &Operation) -> std::result::Result<u64, Failure> {
    match operation {
        Operation::Put { collection, key, value, rank, expect } => put(session, collection, key, value, *rank, *expect),
        Operation::Delete { collection, key, expect } => delete(session, collection, key, *expect),
        Operation::Append { log, entries } => Ok(append(session, log, entries)?),
        Operation::ClearLog { log } => Ok(trim(session, log, 0)?),
        Operation::TrimLog { log, keep_last } => Ok(trim(session, log, *keep_last)?),
    }
}

const PUT: &str = "INSERT INTO documents (collection, key, value, version, rank) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET value = ?3, version = ?4, rank = ?5";
const PUT_ABSENT: &str = "INSERT INTO documents (collection, key, value, version, rank)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
const PUT_VERSION: &str = "UPDATE documents SET value = ?3, version = ?4, rank = ?5
    WHERE collection = ?1 AND key = ?2 AND version = ?6";

fn put(
    session: &mut Session,
    collection: &str,
    key: &str,
    value: &[u8],
    rank: i64,
    expect: Expectation,
) -> std::result::Result<u64, Failure> {
    let version = session.take_versions(1)?;
    let connection = &session.connection;
    let written = match expect {
        Expectation::Any => connection.prepare_cached(PUT)?.execute(params![collection, key, value, version, rank])?,
        Expectation::Absent => {
            connection.prepare_cached(PUT_ABSENT)?.execute(params![collection, key, value, version, rank])?
        }
        Expectation::Version(expected) => connection.prepare_cached(PUT_VERSION)?.execute(params![
            collection,
            key,
            value,
            version,
            rank,
            signed(expected)
        ])?,
    };
    if written == 0 { Err(conflict(session, collection, key)?) } else { Ok(version) }
}

fn delete(session: &Session, collection: &str, key: &str, expect: Expectation) -> std::result::Result<u64, Failure> {
    let connection = &session.connection;
    match expect {
        Expectation::Any => Ok(connection
            .prepare_cached("DELETE FROM documents WHERE collection = ?1 AND key = ?2")?
            .execute([collection, key])? as u64),
        Expectation::Absent => match current(session, collection, key)? {
            None => Ok(0),
            Some(_) => Err(conflict(session, collection, key)?),
        },
        Expectation::Version(expected) => {
            let removed = connection
                .prepare_cached("DELETE FROM documents WHERE collection = ?1 AND key = ?2 AND version = ?3")?
                .execute(params![collection, key, signed(expected)])?;
            if removed == 0 { Err(conflict(session, collection, key)?) } else { Ok(1) }
        }
    }
}

fn conflict(session: &Session, collection: &str, key: &str) -> rusqlite::Result<Failure> {
    let current = current(session, collection, key)?;
    Ok(Failure::Refused(Error::Conflict { key: key.to_owned(), current }))
}

fn current(session: &Session, collection: &str, key: &str) -> rusqlite::Result<Option<u64>> {
    session
        .connection
        .prepare_cached("SELECT version FROM documents WHERE collection = ?1 AND key = ?2")?
        .query_row([collection, key], |row| row.get(0))
        .optional()
}

/// An expected version that SQLite's integers cannot hold matches no document.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(-1)
}

fn append(session: &Session, log: &str, entries: &[Vec<u8>]) -> rusqlite::Result<u64> {
    let mut last = match log_last(session, log)? {
        Some(last) => last,
        None => cleared_at(session, log)?,
    };
    let mut insert =
        session.connection.prepare_cached("INSERT INTO logs (log, sequence, value) VALUES (?1, ?2, ?3)")?;
    for entry in entries {
        last += 1;
        insert.execute(params![log, last, entry])?;
    }
    Ok(last)
}

fn trim(session: &Session, log: &str, keep_last: u64) -> rusqlite::Result<u64> {
    let Some(last) = log_last(session, log)? else { return Ok(0) };
    if keep_last == 0 {
        // The numbers of an emptied log live on in `meta`: they are never used twice.
        session
            .connection
            .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('log:' || ?1, ?2)")?
            .execute(params![log, last])?;
    }
    let removed = session
        .connection
        .prepare_cached("DELETE FROM logs WHERE log = ?1 AND sequence <= ?2")?
        .execute(params![log, last.saturating_sub(keep_last)])?;
    Ok(removed as u64)
}

fn cleared_at(session: &Session, log: &str) -> rusqlite::Result<u64> {
    session
        .connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'log:' || ?1")?
        .query_row([log], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}
