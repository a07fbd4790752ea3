//! Waking the handler's family later.

#![allow(clippy::disallowed_methods, reason = "what the family itself wrote, into a type of the handler")]

use crate::bindings::openclaw::gateway::timers as raw;
use crate::{Call, Result};
use serde::{Serialize, de::DeserializeOwned};

pub use raw::Timer;

/// How many timers one listing may ask of the host.
const LIST_SIZE: u32 = 1000;

/// The family's timers of this tenant. They survive restarts.
pub struct Timers(raw::Wheel);

impl Call {
    /// Opens the family's timers.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn timers(&self) -> Result<Timers> {
        raw::open(self).map(Timers)
    }
}

impl Timer {
    /// The payload as the handler's own type.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.payload)?)
    }
}

impl Timers {
    /// Sets or replaces the timer of that name, for a time in Unix milliseconds.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn set(&self, name: &str, due_ms: u64, payload: &impl Serialize) -> Result<()> {
        self.0.set(&Timer { name: name.to_owned(), due_ms, payload: serde_json::to_vec(payload)? })
    }

    /// Removes a timer; false when there was none.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn cancel(&self, name: &str) -> Result<bool> {
        self.0.cancel(name)
    }

    /// All timers by name.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn list(&self) -> Result<Vec<Timer>> {
        let mut timers: Vec<Timer> = Vec::new();
        loop {
            let after = timers.last().map(|timer| timer.name.clone());
            let page = self.0.list(after.as_deref(), LIST_SIZE)?;
            let is_last = page.len() < LIST_SIZE as usize;
            timers.extend(page);
            if is_last {
                return Ok(timers);
            }
        }
    }
}
