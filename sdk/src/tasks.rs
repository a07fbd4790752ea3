//! Work that goes on when the call that began it has been answered, and names by which the calls of a family know
//! of each other.

use crate::bindings::openclaw::gateway::tasks as raw;
use crate::{Call, Result};
use serde::Serialize;
use std::time::Duration;

/// A name that this call has until it is dropped, or the call ends.
pub use raw::Claim;

/// The tasks and claims of this tenant and this family.
pub struct Tasks(raw::Scheduler);

impl Call {
    /// Opens the family's tasks and claims.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn tasks(&self) -> Result<Tasks> {
        raw::open(self).map(Tasks)
    }
}

impl Tasks {
    /// Takes a name; none where another call has it still after `wait`, a minute at most.
    ///
    /// # Errors
    /// INVALID_REQUEST (a name of 1 to 640 bytes).
    pub fn claim(&self, name: &str, wait: Duration) -> Result<Option<Claim>> {
        self.0.claim(name, u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
    }

    /// The claim that this task was started with; none the second time, and none of a client's call.
    #[must_use]
    pub fn inherited(&self) -> Option<Claim> {
        self.0.inherited()
    }

    /// Has the host call a method of this family apart from this call; the claim is the task's from now on.
    ///
    /// # Errors
    /// FORBIDDEN (a method of another family, a scope that the caller lacks), NOT_FOUND, UNAVAILABLE (too many
    /// tasks).
    pub fn start(&self, method: &str, params: &impl Serialize, claim: Option<Claim>) -> Result<()> {
        self.0.start(method, &serde_json::to_vec(params)?, claim)
    }

    /// Ends the call that has a name, where it stands; false where none has it.
    ///
    /// # Errors
    /// INVALID_REQUEST (a name of 1 to 640 bytes).
    pub fn end(&self, name: &str) -> Result<bool> {
        self.0.end(name)
    }
}
