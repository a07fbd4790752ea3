//! What can go wrong with the control database.

use std::error::Error;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// An error of the control database. `Display` holds no data of any tenant.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The file is there but is no readable control database.
    #[error("{} is damaged or is not a control database ({reason}); it was left as it is: restore it from a backup (an empty one in its place would know none of the tenants)", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The operating system refused the file.
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    /// A newer release wrote this file.
    #[error(
        "the tables of {component} have version {found}, this release knows up to {known}: use the release that wrote them"
    )]
    NewerSchema { component: &'static str, found: u32, known: u32 },
    /// A statement failed.
    #[error("control database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row is there that cannot be understood.
    #[error("control database: a row of {table} cannot be read: {reason}")]
    UnreadableRow { table: &'static str, reason: String },
    /// The transaction that carried this write could not be committed.
    #[error("control database: the write was not committed: {0}")]
    NotCommitted(String),
    /// The caller's own reason to undo its write; see [`ControlError::rejected`].
    #[error("{0}")]
    Rejected(#[source] Box<dyn Error + Send + Sync>),
    /// The closure panicked; what it did was undone.
    #[error("control database: an operation panicked and was undone")]
    Panicked,
    /// The writer has ended.
    #[error("control database: closed")]
    Closed,
}

impl ControlError {
    /// Wraps an error of the caller's, so that a closure can undo its write
    /// and say why; [`ControlError::rejection`] gives it back.
    pub fn rejected(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Rejected(Box::new(error))
    }

    /// The caller's own error where it is an `E`; any other error unchanged.
    pub fn rejection<E: Error + 'static>(self) -> Result<E, Self> {
        match self {
            Self::Rejected(error) => {
                error.downcast().map_or_else(|error| Err(Self::Rejected(error)), |error| Ok(*error))
            }
            other => Err(other),
        }
    }

    /// What is wrong with the file itself, where that is the cause.
    pub(crate) fn damage(&self) -> Option<String> {
        let Self::Sqlite(error) = self else {
            return None;
        };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            .then(|| error.to_string())
    }
}
