//! The registry's row of the tenant that the call is for.

#![allow(clippy::disallowed_methods, reason = "JSON of the host")]

use crate::bindings::openclaw::gateway::{tenancy as raw, tenancy_control};
use crate::{Call, Result};
use serde::de::DeserializeOwned;

/// The row, to read.
pub struct Tenancy(raw::Registration);

/// The row, to change.
pub struct TenancyControl(tenancy_control::Control);

impl Call {
    /// Opens the tenant's row to read it.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn tenancy(&self) -> Result<Tenancy> {
        raw::open(self).map(Tenancy)
    }

    /// Opens the tenant's row to change it.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn tenancy_control(&self) -> Result<TenancyControl> {
        tenancy_control::open(self).map(TenancyControl)
    }
}

impl Tenancy {
    /// `tenantId`, `displayName?`, `createdAt`, `lastSeenAt?`, `disabled?`, `stateDir`.
    ///
    /// # Errors
    /// NOT_FOUND, INTERNAL (the type does not fit).
    pub fn record<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.record_json()?)?)
    }
}

impl TenancyControl {
    /// A new token; the old one is refused from the next request on.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn rotate(&self) -> Result<String> {
        self.0.rotate()
    }

    /// Wipes the tenant once this call has ended.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn delete(&self) -> Result<()> {
        self.0.delete()
    }
}
