//! What can go wrong. No message names a path, and none holds what is in an index.

use openclaw_documents::OpenError;
use rusqlite::ErrorCode;

pub type Result<T> = std::result::Result<T, Error>;

/// Why an index did not do what it was asked. Nothing of a refused write was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A limit, or another number of dimensions.
    #[error("{0}")]
    Invalid(String),
    /// The file is none that this gateway can read. It was left as it is.
    #[error("the index {0} is damaged: it has to be removed and made again")]
    Damaged(String),
    /// Closed for a deletion, or too many indexes at work.
    #[error("the index is busy")]
    Busy,
    /// Whoever watched the work had it given up.
    #[error("the work on the index was given up")]
    Stopped,
    #[error("no space is left for the index")]
    Full,
    /// The operating system refused; the reason names no path.
    #[error("the index cannot be used: {0}")]
    Io(String),
}

impl Error {
    /// Maps SQLite's error by its code; its message, which may name a path, is dropped.
    pub(crate) fn from_sqlite(error: &rusqlite::Error, name: &str) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = error else { return Self::Damaged(name.to_owned()) };
        match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(name.to_owned()),
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => Self::Busy,
            _ => Self::Io(rusqlite::ffi::code_to_str(failure.extended_code).to_owned()),
        }
    }

    pub(crate) fn of_opening(error: OpenError, name: &str) -> Self {
        match error {
            OpenError::Lost => Self::Damaged(name.to_owned()),
            OpenError::Io(reason) => Self::Io(reason),
            OpenError::Sqlite(error) => Self::from_sqlite(&error, name),
        }
    }
}
