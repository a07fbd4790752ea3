//! Errors of handlers and of the capabilities: one type, which reaches the
//! client as it is.

use crate::bindings::openclaw::gateway::types;

/// A refusal: `code` (an open set), `message` for the client, optional `data`.
///
/// The message is shown to people, so it never holds a secret.
pub use types::Error;

/// What a handler and every capability answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a code of the open set; one the host does not know
    /// reaches the client as INTERNAL.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), data: None, retry_after_ms: None }
    }

    /// The caller asked for something that makes no sense: INVALID_REQUEST.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST", message)
    }

    /// What was named is not there: NOT_FOUND.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("NOT_FOUND", message)
    }

    /// Someone else changed it first, or it is there already: CONFLICT.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new("CONFLICT", message)
    }

    /// The caller may not do this: FORBIDDEN.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new("FORBIDDEN", message)
    }

    /// It may work later: UNAVAILABLE. `retry_after_ms` says when.
    #[must_use]
    pub fn unavailable(message: impl Into<String>, retry_after_ms: Option<u32>) -> Self {
        Self { retry_after_ms, ..Self::new("UNAVAILABLE", message) }
    }

    /// A fault of the handler itself or of what it stored: INTERNAL.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("INTERNAL", message)
    }

    /// Adds the JSON object that the client finds under `error.data`.
    #[must_use]
    pub fn with_data(mut self, data: &serde_json::Value) -> Self {
        self.data = Some(data.to_string());
        self
    }

    /// Whether the code is CONFLICT.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code == "CONFLICT"
    }

    /// Whether the code is NOT_FOUND.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code == "NOT_FOUND"
    }
}

/// JSON that does not have the shape it was read for: a fault of what was
/// stored. Parameters that do not fit are INVALID_REQUEST: see
/// [`macro@crate::handler`].
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!("unexpected JSON: {error}"))
    }
}
