//! Creating and opening the file, and recognising one that is not ours.
//!
//! Nothing is written before the file has been understood. SQLite's own
//! checkpoints are off for the same reason: `log.rs` makes them, while nothing
//! was found damaged.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::{ControlError, Durability, schema};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER: usize = 100;
pub(crate) const BUSY: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 128;

/// What every connection to one file shares.
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    /// Set by the first sign of damage: from then on nothing is checkpointed.
    pub(crate) damaged: AtomicBool,
    /// What was erased still stands in the log of changes (`-wal`).
    pub(crate) log_holds_erased: AtomicBool,
}

impl Database {
    pub(crate) fn new(path: &Path, durability: Durability) -> Self {
        Self {
            path: path.to_path_buf(),
            durability,
            damaged: AtomicBool::new(false),
            log_holds_erased: AtomicBool::new(false),
        }
    }

    /// Checks or creates the file and opens the writer's connection.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    pub(crate) fn open_first(&self) -> Result<Connection, ControlError> {
        match rustix::fs::open(&self.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(handle) => self.check_header(&File::from(handle))?,
            Err(Errno::NOENT) => self.create()?,
            Err(error) => return Err(self.refused(error)),
        }
        let opened = self.connect().and_then(|connection| {
            schema::check_identity(&connection)?;
            Ok(connection)
        });
        self.located(opened)
    }

    /// A further connection that cannot write.
    pub(crate) fn open_reader(&self) -> Result<Connection, ControlError> {
        let connection = self.connect()?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Names the file in an error that shows it to be damaged.
    pub(crate) fn located<T>(&self, result: Result<T, ControlError>) -> Result<T, ControlError> {
        result.map_err(|error| match error.damage() {
            Some(reason) => self.damage(reason),
            None => error,
        })
    }

    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    pub(crate) fn connect(&self) -> Result<Connection, ControlError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let synchronous = match self.durability {
            Durability::Process => "NORMAL",
            Durability::PowerSafe => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // What is deleted is overwritten: a page that is free does not hold it still.
        connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
        Ok(connection)
    }

    /// Writes a new database beside the name and renames it into place, so
    /// that a file of this name is always a whole database.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    fn create(&self) -> Result<(), ControlError> {
        let fresh = with_suffix(&self.path, ".new");
        for leftover in [&fresh, &with_suffix(&fresh, "-journal")] {
            match rustix::fs::unlink(leftover) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(self.refused(error)),
            }
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::open(&fresh, flags, Mode::RUSR | Mode::WUSR).map_err(|e| self.refused(e))?;
        let connection = Connection::open(&fresh)?;
        schema::create(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        rustix::fs::renameat_with(CWD, &fresh, CWD, &self.path, rustix::fs::RenameFlags::NOREPLACE)
            .map_err(|error| self.refused(error))?;
        self.sync_directory()
    }

    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    fn sync_directory(&self) -> Result<(), ControlError> {
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        rustix::fs::open(parent, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|error| self.refused(error))
    }

    /// SQLite takes an empty file for a new database; here it is a lost one.
    fn check_header(&self, file: &File) -> Result<(), ControlError> {
        let mut header = [0; HEADER];
        if file.read_exact_at(&mut header, 0).is_err() {
            return Err(self.damage("shorter than a header".to_owned()));
        }
        if header[..MAGIC.len()] != *MAGIC {
            return Err(self.damage("no SQLite header".to_owned()));
        }
        Ok(())
    }

    fn damage(&self, reason: String) -> ControlError {
        self.damaged.store(true, Ordering::Relaxed);
        ControlError::Damaged { path: self.path.clone(), reason }
    }

    fn refused(&self, error: Errno) -> ControlError {
        ControlError::Open { path: self.path.clone(), source: error.into() }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
