//! `control.db`: the host's own database (tenant registry, ledger, timers).
//!
//! One thread writes and groups what waits into one transaction; reads run on
//! a few connections of their own and see a consistent snapshot. A file that
//! cannot be understood is refused and left exactly as it is.

#![forbid(unsafe_code)]

mod batch;
mod error;
mod file;
mod log;
mod readers;
mod rows;
mod schema;
mod writer;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at modes and plant damage")]
mod tests;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

pub use batch::{Batch, Common};
pub use error::ControlError;
use file::Database;
use readers::Readers;
pub use rows::rows;
use writer::Writer;

/// What an answered write survives, here and in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// `kill -9` of this process: WAL with `synchronous=NORMAL`.
    #[default]
    Process,
    /// Loss of power as well: WAL with `synchronous=FULL`.
    PowerSafe,
}

/// A handle on the open database; clones share it. The last one to be dropped
/// waits until every queued write is committed.
#[derive(Clone)]
pub struct ControlDb {
    // Dropped first: the writer checkpoints when nobody reads any more.
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    database: Arc<Database>,
}

impl ControlDb {
    /// Opens the database at `path`, and creates it (mode 0600) where there is
    /// no file of that name.
    ///
    /// # Errors
    /// `Damaged` where a file exists that is no readable control database (an
    /// empty one included); the file keeps every byte.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, ControlError> {
        let database = Arc::new(Database::new(path, durability));
        let connection = database.open_first()?;
        Ok(Self {
            readers: Arc::new(Readers::new(Arc::clone(&database))),
            writer: Arc::new(Writer::start(connection, Arc::clone(&database))?),
            database,
        })
    }

    /// Brings the tables of `component` up to date: `steps[n]` is the SQL that
    /// leads from version n to n + 1. All missing steps commit together.
    ///
    /// # Errors
    /// `NewerSchema` where the file has more steps behind it than are known.
    pub fn migrate(&self, component: &'static str, steps: &[&str]) -> Result<(), ControlError> {
        let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        let version = self.read_blocking(move |db| schema::version(db, component, known))?;
        if version == known {
            return Ok(());
        }
        let steps: Vec<String> = steps.iter().map(|&step| step.to_owned()).collect();
        self.write_blocking(move |tx| schema::apply(tx, component, version, known, &steps))
    }

    /// Runs `f` on the writer's thread within a savepoint of a grouped
    /// transaction; answers after the commit. An error of `f` undoes what `f`
    /// did and nothing else. `f` must not wait for anything.
    pub async fn write<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // A caller that went away no longer needs the answer.
        let job = writer::job(f, |result| drop(reply.send(result)));
        self.writer.send(job).await?;
        let result = answer.await.unwrap_or(Err(ControlError::Closed));
        self.database.located(result)
    }

    /// `write` for what is to leave no trace: when it answers, no file of the database holds what `f`
    /// deleted, unless somebody still reads it; then it goes with a later write.
    pub async fn erase<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let database = Arc::clone(&self.database);
        self.write(move |tx| {
            database.log_holds_erased.store(true, Ordering::Relaxed);
            f(tx)
        })
        .await
    }

    /// `write` for start-up and the command line: blocks this thread.
    pub fn write_blocking<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        let job = writer::job(f, move |result| drop(reply.send(result)));
        self.writer.send_blocking(job)?;
        let result = answer.recv().unwrap_or(Err(ControlError::Closed));
        self.database.located(result)
    }

    /// Runs `f` on a read-only connection, within one snapshot, on a thread
    /// that may block.
    pub async fn read<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ControlError> + Send + 'static,
    {
        self.readers.read(f).await
    }

    /// `read` on this thread.
    pub fn read_blocking<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        F: FnOnce(&Connection) -> Result<T, ControlError>,
    {
        self.readers.read_blocking(f)
    }

    /// SQLite's full check, one finding a string; empty when all is well.
    /// Reads the whole file.
    pub fn integrity_check(&self) -> Result<Vec<String>, ControlError> {
        self.read_blocking(|db| {
            let mut statement = db.prepare("PRAGMA integrity_check")?;
            let findings = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
            Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
        })
    }

    /// What an answered write survives.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.database.durability
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.database.path
    }
}
