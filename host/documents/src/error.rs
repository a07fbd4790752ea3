//! What can go wrong, without paths, SQL or values: every message is fit for a log.

use openclaw_tenancy::Family;
use rusqlite::ErrorCode;

pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation was refused or failed. Nothing of a refused transaction was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An expectation did not hold; `current` is the version that is there, none when the key is absent.
    #[error("the document {key:?} is not at the expected version")]
    Conflict { key: String, current: Option<u64> },
    /// A value, or an answer, is larger than the store allows.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge { what: &'static str, bytes: usize, limit: usize },
    /// A key, collection or log name is empty, too long or holds control characters.
    #[error("{what} is empty, longer than {limit} bytes or holds control characters")]
    BadName { what: &'static str, limit: usize },
    /// A cursor that no page of this order ever answered.
    #[error("the cursor does not belong to this order")]
    BadCursor,
    /// A count outside 1 to `limit`.
    #[error("{what} must be 1 to {limit}")]
    BadLimit { what: &'static str, limit: usize },
    /// The disk or the database's own limit is full.
    #[error("no space is left for the database")]
    Full,
    /// The file is not a database that this gateway can read. It was left as it is.
    #[error("the {family} database is damaged: the operator must restore it from a backup")]
    Damaged { family: Family },
    /// Closed for a restore or delete, held by another process, or too many databases at work.
    #[error("the database is busy")]
    Busy,
    /// The operating system refused; the reason names no path.
    #[error("the database cannot be used: {reason}")]
    Io { reason: String },
}

impl Error {
    /// Maps SQLite's error by its code; its message, which may name a path, is dropped.
    pub(crate) fn from_sqlite(error: &rusqlite::Error, family: &Family) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            // A column of an unexpected type: the rows are not what this store wrote.
            return Self::Damaged { family: family.clone() };
        };
        match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged { family: family.clone() },
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => Self::Busy,
            _ => Self::Io { reason: rusqlite::ffi::code_to_str(failure.extended_code).to_owned() },
        }
    }
}
