//! Why the registry refused.

use openclaw_control::ControlError;

use crate::{AuditError, DirectoryError, QuotaError, TenantId};

/// An error of the registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("tenant {0} exists already")]
    Exists(TenantId),
    #[error("there is no tenant {0}")]
    NotFound(TenantId),
    #[error(
        "there are files in the directory of {0}, which is no tenant: move the directory away, or restore the tenant"
    )]
    DirectoryInUse(TenantId),
    #[error("a display name has 1 to 200 characters and no control characters")]
    DisplayName,
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    #[error(
        "control.db was made anew and knows no tenant, but {0} has a directory with files: restore the control.db that belongs to it from a backup; where there is none, move the directory away"
    )]
    Lost(TenantId),
    #[error("row {row} of the registry cannot be read: {reason}")]
    Row { row: i64, reason: String },
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("directory of a tenant: {0}")]
    Directory(#[source] DirectoryError),
    #[error("it was done, but not recorded: {0}")]
    Audit(#[from] AuditError),
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("a task of the registry ended early")]
    Ended,
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No such tenant, a wrong secret or no token at all: never said which.
    #[error("unknown token")]
    Unknown,
    #[error("the tenant is disabled")]
    Disabled,
}
