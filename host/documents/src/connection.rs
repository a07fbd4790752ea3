//! One open database file: its schema, its version numbers, its WAL.
//!
//! `locking_mode=EXCLUSIVE` on purpose: the gateway is the only user of the file, so no locks are
//! taken per transaction and no `-shm` file exists. Nothing is memory-mapped: a component that
//! truncates a file in its directory must not be able to raise SIGBUS in the gateway.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use openclaw_control::Durability;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::damage::{LOST, Reporter, reason};
use crate::open::{self, OpenError};
use crate::read::{Effort, INLINE_LOOKS, STEPS_A_LOOK};
use crate::{Error, Result};

pub(crate) const FORMAT: i64 = 1;
/// Version numbers are taken from the file in blocks, so that a write need not touch `meta`.
const VERSION_BLOCK: u64 = 1_000;

// A table with row ids, as values of 1 to 4 KiB fit its pages without overflow, and a row is found from
// the rank index by an integer. The rank index descends because "newest first" is the order that lists are read in.
const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        collection TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
        version INTEGER NOT NULL, rank INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX documents_by_key ON documents (collection, key);
    CREATE INDEX documents_by_rank ON documents (collection, rank DESC, key);
    CREATE TABLE logs (
        log TEXT NOT NULL, sequence INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (log, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('format', 1), ('version', 0);
    COMMIT;";

/// How a database is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenSettings {
    pub(crate) durability: Durability,
    pub(crate) max_database_bytes: Option<u64>,
}

/// An open database. Dropping it writes the WAL back and removes it.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    // Its place keeps the directory that the path leads through open.
    reporter: Box<Reporter>,
    wal_pages: Arc<AtomicU32>,
    /// Looks left until SQLite interrupts the running statement.
    looks_left: Arc<AtomicI32>,
    /// The next version to hand out, and the first one that `meta` has not set aside yet.
    next_version: u64,
    reserved: u64,
}

impl Session {
    /// Opens the database; none where there is no file and `create` is not set.
    pub(crate) fn open(reporter: Reporter, settings: OpenSettings, create: bool) -> Result<Option<Self>> {
        let connection = match open::connect(&reporter.place, create) {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ok(None),
            Err(OpenError::Lost) => {
                reporter.tell(LOST);
                return Err(Error::Damaged { family: reporter.id.family });
            }
            Err(OpenError::Io(reason)) => return Err(Error::Io { reason }),
            Err(OpenError::Sqlite(error)) => return Err(Error::from_sqlite(&error, &reporter.id.family)),
        };
        let mut session = Self {
            connection,
            reporter: Box::new(reporter),
            wal_pages: Arc::default(),
            looks_left: Arc::new(AtomicI32::new(i32::MAX)),
            next_version: 1,
            reserved: 1,
        };
        match session.prepare(settings) {
            Ok(()) => Ok(Some(session)),
            Err(error) => {
                session.leave_untouched();
                Err(session.error(&error))
            }
        }
    }

    fn prepare(&mut self, settings: OpenSettings) -> rusqlite::Result<()> {
        let connection = &mut self.connection;
        connection.set_prepared_statement_cache_capacity(48);
        // Otherwise a statement is planned anew whenever a bound of its range changes: 20 µs a scan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let synchronous = match settings.durability {
            Durability::Process => "NORMAL",
            Durability::PowerSafe => "FULL",
        };
        connection.execute_batch(&format!(
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};
             PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;
             PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=0;"
        ))?;
        if let Some(bytes) = settings.max_database_bytes {
            let page_bytes: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            connection.execute_batch(&format!("PRAGMA max_page_count={}", (bytes / page_bytes).max(1)))?;
        }
        let tables: i64 = connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            connection.execute_batch(SCHEMA)?;
        }
        let format = self.meta("format")?;
        if format != FORMAT {
            // Written by another release: as little to be touched as a damaged one.
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, format));
        }
        let version = u64::try_from(self.meta("version")?).unwrap_or(0);
        (self.next_version, self.reserved) = (version + 1, version + 1);
        let looks_left = Arc::clone(&self.looks_left);
        self.connection
            .progress_handler(STEPS_A_LOOK, Some(move || looks_left.fetch_sub(1, Ordering::Relaxed) <= 0))?;
        let wal_pages = Arc::clone(&self.wal_pages);
        self.connection.wal_hook(Some(move |_: &mut _, pages: i32| {
            wal_pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Bounds the statements that follow: those that run on an async thread are interrupted.
    pub(crate) fn allow(&self, effort: Effort) {
        let looks = match effort {
            Effort::Inline => INLINE_LOOKS,
            Effort::Blocking => i32::MAX,
        };
        self.looks_left.store(looks, Ordering::Relaxed);
    }

    fn meta(&self, name: &str) -> rusqlite::Result<i64> {
        self.connection.query_one("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
    }

    /// Sets `count` versions aside in the current transaction, and answers the first.
    pub(crate) fn take_versions(&mut self, count: u64) -> rusqlite::Result<u64> {
        let first = self.next_version;
        if first + count > self.reserved {
            let reserved = first + count + VERSION_BLOCK;
            self.connection
                .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'version'")?
                .execute([reserved.cast_signed() - 1])?;
            self.reserved = reserved;
        }
        self.next_version = first + count;
        Ok(first)
    }

    /// After a rollback: the block set aside in that transaction is not in the file.
    pub(crate) fn forget_reserved(&mut self) {
        self.reserved = self.next_version;
    }

    /// Frames in the WAL since the last checkpoint; 0 also means that the next write syncs its header.
    pub(crate) fn wal_pages(&self) -> u32 {
        self.wal_pages.load(Ordering::Relaxed)
    }

    /// Bytes of the file that what was deleted left, and the next writes take.
    pub(crate) fn free_bytes(&self) -> rusqlite::Result<u64> {
        self.allow(Effort::Inline);
        let number = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        Ok(number("freelist_count")? * number("page_size")?)
    }

    /// Bytes of all that is in the database.
    pub(crate) fn content_bytes(&self) -> rusqlite::Result<u64> {
        let number = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
    }

    /// Writes all that is in the database to an empty file.
    pub(crate) fn copy_to(&self, copy: &Path) -> rusqlite::Result<()> {
        self.allow(Effort::Blocking);
        let name = copy.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(copy.to_owned()))?;
        self.connection.execute("VACUUM INTO ?1", [name]).map(drop)
    }

    /// Writes the WAL back to the file.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|error| self.error(&error))?;
        self.wal_pages.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Maps an error; a damaged file is not written again, not even when it is closed.
    pub(crate) fn error(&self, error: &rusqlite::Error) -> Error {
        let mapped = Error::from_sqlite(error, &self.reporter.id.family);
        if matches!(mapped, Error::Damaged { .. }) {
            self.reporter.tell(&reason(error));
            self.leave_untouched();
        }
        mapped
    }

    fn leave_untouched(&self) {
        // It fails only for a closed connection, which cannot write either.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

impl Drop for Session {
    /// A file that was removed is told of; its WAL, which SQLite would remove, stays as the sign that there was one.
    fn drop(&mut self) {
        if self.reporter.place.path().is_ok_and(|path| open::is_lost(&path).unwrap_or(false)) {
            self.reporter.tell(LOST);
            self.leave_untouched();
        }
    }
}
