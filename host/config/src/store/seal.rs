//! Secrets of an overlay on disk: sealed with the tenant's key, so that an archive of the directory
//! holds ciphertext.

use openclaw_tenancy::TenantKey;
use serde_json::Value;

use super::{Issue, Place, WriteError};
use crate::overlay::Credentials;

/// Begins a sealed value; the rest is hexadecimal.
const SEALED: &str = "sealed:v1:";
/// What a sealed value belongs to.
const PURPOSE: &[u8] = b"config.yaml";

/// Opens every sealed secret. One that cannot be opened (another installation's, say) is left out
/// and named.
pub(super) fn open(place: Place<'_>, stored: &mut Value) -> Vec<Issue> {
    let mut warnings = Vec::new();
    Credentials::Overlay.each(stored, &mut |path, secret| {
        let Some(sealed) = secret.as_str().and_then(|text| text.strip_prefix(SEALED)) else { return };
        *secret = match place.key.and_then(|key| open_one(key, sealed)) {
            Some(plain) => plain,
            None => {
                let message = format!("{path}: sealed with another key; set it again");
                warnings.push(Issue { path: path.to_string(), message, line: None, column: None });
                Value::Null
            }
        };
    });
    warnings
}

fn open_one(key: &TenantKey, sealed: &str) -> Option<Value> {
    let plain = key.open(PURPOSE, &hex::decode(sealed).ok()?).ok()?;
    crate::json::read(&plain, crate::json::DEPTH_MAX).ok()
}

/// Seals every secret. Without a key, nothing changes.
pub(super) fn seal(place: Place<'_>, value: &mut Value) -> Result<(), WriteError> {
    let Some(key) = place.key else { return Ok(()) };
    let mut failed = false;
    Credentials::Overlay.each(value, &mut |_, secret| match key.seal(PURPOSE, secret.to_string().as_bytes()) {
        Ok(sealed) => *secret = Value::from(format!("{SEALED}{}", hex::encode(sealed))),
        Err(_) => failed = true,
    });
    if failed { Err(WriteError::Seal) } else { Ok(()) }
}
