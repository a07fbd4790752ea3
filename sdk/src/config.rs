//! The tenant's configuration.

#![allow(clippy::disallowed_methods, reason = "JSON of the host")]

use crate::bindings::openclaw::gateway::{config as raw, config_write};
use crate::{Call, Result};
use serde::de::DeserializeOwned;

/// The configuration, to read.
pub struct Settings(raw::Settings);

/// The configuration, to change.
pub struct Editor(config_write::Editor);

impl Call {
    /// Opens the configuration to read it.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn config(&self) -> Result<Settings> {
        raw::open(self).map(Settings)
    }

    /// Opens the configuration to change it.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn config_write(&self) -> Result<Editor> {
        config_write::open(self).map(Editor)
    }
}

impl Settings {
    /// The snapshot that `config.wit` describes, as the handler's own type.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn snapshot<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.snapshot()?)?)
    }

    /// The snapshot as the host wrote it, to be passed on.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn snapshot_json(&self) -> Result<Vec<u8>> {
        self.0.snapshot()
    }

    /// The effective value at a JSON pointer; none when there is none.
    ///
    /// # Errors
    /// UNAVAILABLE (the file is damaged), INTERNAL (the type does not fit).
    pub fn effective<T: DeserializeOwned>(&self, pointer: &str) -> Result<Option<T>> {
        let json = self.0.effective(pointer)?;
        Ok(json.as_deref().map(serde_json::from_slice).transpose()?)
    }

    /// `schema`, `uiHints` and `version`.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn schema<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.schema()?)?)
    }
}

impl Editor {
    /// Replaces the tenant's overlay (YAML, JSON or JSON5); answers the new snapshot.
    ///
    /// # Errors
    /// INVALID_REQUEST with `offences` in its data, CONFLICT with `hash` when
    /// `base_hash` is not the present one.
    pub fn replace<T: DeserializeOwned>(&self, raw: &str, base_hash: Option<&str>) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.replace(raw, base_hash)?)?)
    }

    /// Applies a merge patch (RFC 7396) to the overlay; answers the new snapshot.
    ///
    /// # Errors
    /// As [`Editor::replace`].
    pub fn patch<T: DeserializeOwned>(&self, patch: &str, base_hash: Option<&str>) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.patch(patch, base_hash)?)?)
    }
}
