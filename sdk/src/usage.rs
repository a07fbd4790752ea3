//! What the tenant has used, as JSON in the contract's shapes.

#![allow(clippy::disallowed_methods, reason = "JSON of the host")]

use crate::bindings::openclaw::gateway::usage as raw;
use crate::{Call, Result};
use serde::de::DeserializeOwned;

/// The ledger's view of the tenant.
pub struct Usage(raw::Ledger);

impl Call {
    /// Opens the ledger's view of the tenant.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn usage(&self) -> Result<Usage> {
        raw::open(self).map(Usage)
    }
}

impl Usage {
    /// The running period; `refresh_disk` measures the tenant's directory now.
    ///
    /// # Errors
    /// UNAVAILABLE, INTERNAL (the type does not fit).
    pub fn current<T: DeserializeOwned>(&self, refresh_disk: bool) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.current(refresh_disk)?)?)
    }

    /// The quotas and how much of them is used.
    ///
    /// # Errors
    /// As [`Usage::current`].
    pub fn quota_status<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.quota_status()?)?)
    }

    /// The newest `months` periods, newest first.
    ///
    /// # Errors
    /// As [`Usage::current`].
    pub fn history<T: DeserializeOwned>(&self, months: u32) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.history(months)?)?)
    }
}
