//! Telling the tenant's connections that something happened.

use crate::bindings::openclaw::gateway::events as raw;
use crate::{Call, Result};
use serde::Serialize;

/// The tenant's event bus. Only events that the manifest lists can be published.
pub struct Events(raw::Bus);

impl Call {
    /// Opens the tenant's event bus.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn events(&self) -> Result<Events> {
        raw::open(self).map(Events)
    }
}

impl Events {
    /// Publishes an event with a payload of at most 64 KiB; answers its sequence
    /// number.
    ///
    /// # Errors
    /// FORBIDDEN (not in the manifest), INVALID_REQUEST (too large).
    pub fn publish(&self, event: &str, payload: &impl Serialize) -> Result<u64> {
        self.0.publish(event, &serde_json::to_vec(payload)?)
    }
}
