//! Why a binding stayed as it was.

use openclaw_control::ControlError;

use crate::{
    digest::Digest,
    error::{CallError, CapabilityError, GrantError, LoadError, Refusal},
    migrations::RunError,
};

use super::{Entry, bytes::BytesError, convert::ConvertError};

/// A change of a binding that was not made. The binding is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The bytes are not the expected ones.
    #[error("its digest is {found}, and {expected} was expected")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// It is not signed by somebody who is trusted.
    #[error("{0}")]
    Signature(String),
    /// It cannot be loaded, or asks for more than it is granted.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A grant that is none.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It is another family than was said.
    #[error("its manifest says that it is the family {found}, not {expected}")]
    Family {
        /// What was said.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Callers of the present version would miss something.
    #[error("it cannot take the place of the present version: {}", .0.join("; "))]
    Incompatible(Vec<String>),
    /// The tenant has as many families of its own as it may.
    #[error("this tenant has {most} families of its own, which is the most: see components.families_per_tenant")]
    TooMany {
        /// The limit.
        most: u32,
    },
    /// There is nothing that could take the other calls.
    #[error("a canary shares the calls of a version that is bound, and none is")]
    CanaryAlone,
    /// It would take its own calls, and nothing the others.
    #[error("this version takes the calls already: a canary is another one")]
    CanaryOfActive,
    /// Two versions cannot both have their form of the documents.
    #[error("it converts documents, so it cannot be a canary: the other calls would not understand them")]
    CanaryMigrates,
    /// The documents could not be brought into its form; they are as they were.
    #[error("it could not convert the documents: {0}")]
    Migration(String),
    /// One of the calls that it brings along did not end as it says.
    #[error("its own call {name:?} did not end as it says: {place} was {actual}, not {expected}")]
    Fixture {
        /// The call's.
        name: String,
        /// Where the difference is.
        place: String,
        /// What it says.
        expected: String,
        /// What came.
        actual: String,
    },
    /// Nothing of the kind is installed.
    #[error("{0}")]
    NotFound(String),
    /// There is nothing to go back to.
    #[error("there is no version to go back to: components.remove takes the family away")]
    NothingBefore,
    /// Somebody else changed it first.
    #[error("the active version is {}, not the one that this change is based on", found.map_or("none".into(), |found| found.to_string()))]
    Stale {
        /// What is active.
        found: Option<Digest>,
    },
    /// A version that is to take calls must be loaded first: the change is tried again then, so nobody outside sees
    /// this.
    #[error("the version {} is not loaded", .0.row.digest)]
    NotLoaded(Box<Entry>),
    /// The tenant's `disk_bytes`.
    #[error("{} is used up", .0.quota)]
    Quota(Box<openclaw_billing::Refusal>),
    /// Not now, for a reason that is not the component's.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// Something inside failed.
    #[error("{0}")]
    Internal(String),
}

impl From<ConvertError> for ChangeError {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Run(RunError::Refused(message)) => Self::Migration(message),
            ConvertError::Run(RunError::Failed(failure)) => {
                tracing::warn!(detail = failure.detail, "a component failed to convert documents");
                Self::Migration(match failure.limit {
                    Some(limit) => format!("it broke its limit of {limit}"),
                    None => "it trapped".into(),
                })
            }
            ConvertError::NoCopy { version } => {
                Self::Migration(format!("they are half converted to version {version}, and the copy is gone"))
            }
            ConvertError::Quota(refusal) => Self::Quota(refusal),
            ConvertError::Refused(refusal) => Self::Refused(refusal),
            ConvertError::Internal(error) => Self::Internal(error),
        }
    }
}

impl From<ControlError> for ChangeError {
    fn from(error: ControlError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<BytesError> for ChangeError {
    fn from(error: BytesError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// What kept a call from running, where the change needs it to run.
impl From<CallError> for ChangeError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => Self::Refused(refusal),
            CallError::Unavailable { message, retry_after_ms } => {
                Self::Refused(Refusal { code: "UNAVAILABLE".into(), message, data: None, retry_after_ms })
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<CapabilityError> for ChangeError {
    fn from(error: CapabilityError) -> Self {
        match error {
            CapabilityError::Refused(refusal) => Self::Refused(refusal),
            CapabilityError::Internal(error) => Self::Internal(error),
            CapabilityError::Trap(error) => Self::Internal(error.to_string()),
        }
    }
}
