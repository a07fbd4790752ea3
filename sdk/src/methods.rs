//! Calling other methods of the tenant.

#![allow(
    clippy::disallowed_methods,
    reason = "the answer of a method, which the host has checked, into a type of the handler"
)]

use crate::bindings::openclaw::gateway::methods as raw;
use crate::{Call, Result};
use serde::{Serialize, de::DeserializeOwned};

/// The tenant's other methods, with at most the caller's scopes.
pub struct Methods(raw::Client);

impl Call {
    /// Opens the tenant's other methods. Each is granted by its name.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn methods(&self) -> Result<Methods> {
        raw::open(self).map(Methods)
    }
}

impl Methods {
    /// Calls a method; it may nest four deep.
    ///
    /// # Errors
    /// FORBIDDEN (a method outside the grant, a scope that the caller lacks),
    /// INTERNAL (the type does not fit), and whatever the method answers.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: &impl Serialize) -> Result<T> {
        let result = self.0.call(method, &serde_json::to_vec(params)?)?;
        Ok(serde_json::from_slice(&result)?)
    }
}
