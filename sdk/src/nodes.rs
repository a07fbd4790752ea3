//! The tenant's paired nodes that are connected now.

#![allow(clippy::disallowed_methods, reason = "the answer of a node, into a type of the handler")]

use crate::bindings::openclaw::gateway::nodes as raw;
use crate::{Call, Result};
use serde::{Serialize, de::DeserializeOwned};

pub use raw::Link;

/// The connected nodes.
pub struct Nodes(raw::Links);

impl Call {
    /// Opens the tenant's nodes.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn nodes(&self) -> Result<Nodes> {
        raw::open(self).map(Nodes)
    }
}

impl Nodes {
    /// The nodes there are.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn list(&self) -> Result<Vec<Link>> {
        self.0.list()
    }

    /// Sends a command and waits for its result. A command that was sent again
    /// with the same `idempotency_key` runs once.
    ///
    /// # Errors
    /// NOT_FOUND, FORBIDDEN (not in the node's list, not allowed by the operator),
    /// UNAVAILABLE (no answer in time), INTERNAL (the type does not fit).
    pub fn invoke<T: DeserializeOwned>(
        &self,
        node_id: &str,
        command: &str,
        params: &impl Serialize,
        timeout_ms: u32,
        idempotency_key: &str,
    ) -> Result<T> {
        let params = serde_json::to_vec(params)?;
        let result = self.0.invoke(node_id, command, &params, timeout_ms, idempotency_key)?;
        Ok(serde_json::from_slice(&result)?)
    }
}
