//! Why a capability did not do what it was asked, in the contract's words.

use serde_json::{Map, Value};
use wasmtime::component::ResourceTableError;

use super::Refusal;

/// What a capability says when a quota of the tenant is used up.
pub(crate) const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";

/// What a capability says when something is damaged, missing or full that is not the caller's to mend.
pub(crate) const UNAVAILABLE: &str = "UNAVAILABLE";

/// What is said to the calls of a tenant that is not there any more.
pub(crate) const DELETED: &str = "this tenant is deleted";

/// When a write that found the disk full is tried again: somebody has to make room.
const FULL_RETRY_MS: u32 = 60_000;

/// What a call says of a component that it called.
pub(crate) const COMPONENT_FAILED: &str = "COMPONENT_FAILED";

/// Why a capability did not do what it was asked.
#[derive(Debug)]
pub enum CapabilityError {
    /// The guest is told, and may go on.
    Refused(Refusal),
    /// Something inside failed: the client learns that, the log learns what.
    Internal(String),
    /// The guest is ended.
    Trap(wasmtime::Error),
}

impl CapabilityError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: code.into(), message: message.into(), data: None, retry_after_ms: None })
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new("FORBIDDEN", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new("NOT_FOUND", message)
    }

    /// Something is damaged or missing; where it passes by itself, with [`Self::retry_after`].
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(UNAVAILABLE, message)
    }

    /// Somebody has to make room.
    pub(crate) fn full(message: impl Into<String>) -> Self {
        Self::unavailable(message).retry_after(FULL_RETRY_MS)
    }

    pub(crate) fn closing() -> Self {
        Self::unavailable("the gateway is closing").retry_after(1000)
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    pub(crate) fn retry_after(self, milliseconds: u32) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(Refusal { retry_after_ms: Some(milliseconds), ..refusal }),
            other => other,
        }
    }

    pub(crate) fn with_data(self, data: Map<String, Value>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(Refusal { data: Some(data), ..refusal }),
            other => other,
        }
    }
}

impl From<wasmtime::Error> for CapabilityError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

/// A handle that is not in the table, or one too many: the guest's fault either way.
impl From<ResourceTableError> for CapabilityError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}
