//! Credentials of the tenant that the handler's family keeps.

use crate::bindings::openclaw::gateway::{secrets as raw, secrets_reveal};
use crate::{Call, Result};

/// The family's secrets: to name, to write and to remove, not to read.
pub struct Secrets(raw::Vault);

impl Call {
    /// Opens the family's secrets.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn secrets(&self) -> Result<Secrets> {
        raw::open(self).map(Secrets)
    }

    /// The value of a secret of the family: a capability of its own.
    ///
    /// # Errors
    /// NOT_FOUND, FORBIDDEN when the capability was not granted.
    pub fn reveal_secret(&self, name: &str) -> Result<Vec<u8>> {
        secrets_reveal::reveal(self, name)
    }
}

impl Secrets {
    /// The names there are.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn names(&self) -> Result<Vec<String>> {
        self.0.names()
    }

    /// Keeps a value of at most 64 KiB, encrypted.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE (no room).
    pub fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        self.0.put(name, value)
    }

    /// Removes a value; false when there was none.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn delete(&self, name: &str) -> Result<bool> {
        self.0.delete(name)
    }
}
