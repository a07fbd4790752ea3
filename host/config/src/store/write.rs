//! Replacing and patching a `config.yaml`.

use std::sync::Arc;

use openclaw_tenancy::{Directory, DirectoryError, TenantPath};
use serde_json::{Map, Value};

use super::reading::{self, Reading};
use super::{ConfigStore, FILE, Place, Snapshot, Subject, WriteError, seal};
use crate::load::{File, load};
use crate::overlay::{self, apply_patch, restore_secrets};
use crate::path::KeyPath;
use crate::text::{self, Document, Format, TextError};

/// How many previous versions are kept, as `config.yaml.bak.1` (the last) and up.
pub const KEPT_VERSIONS: usize = 5;

impl ConfigStore {
    /// Replaces the file by `raw`, in any notation. Placeholders of redacted secrets keep what is
    /// stored. With a `base_hash`, only where the file still has that hash.
    pub fn replace(&self, place: Place<'_>, raw: &str, base_hash: Option<&str>) -> Result<Arc<Snapshot>, WriteError> {
        let slot = self.cache.slot(place.subject);
        let _writing = slot.writing();
        let current = self.reading(place);
        unchanged_since(&current, base_hash)?;
        let document = read(place, raw)?;
        let value = match document.value() {
            Value::Null => Value::Object(Map::new()),
            value => value.clone(),
        };
        self.write(place, &current, value, Some(&document))
    }

    /// Applies a merge patch (RFC 7396), in any notation, to the file; keys that it does not name
    /// stay. A damaged file cannot be patched.
    pub fn patch(&self, place: Place<'_>, raw: &str, base_hash: Option<&str>) -> Result<Arc<Snapshot>, WriteError> {
        let patch = read(place, raw)?.into_value();
        if !patch.is_object() {
            return Err(WriteError::NotAPatch);
        }
        let slot = self.cache.slot(place.subject);
        let _writing = slot.writing();
        let current = self.reading(place);
        unchanged_since(&current, base_hash)?;
        if let Err(damaged) = &current.effective {
            return Err(damaged.clone().into());
        }
        let mut value = current.stored.clone();
        apply_patch(&mut value, &patch);
        if value == current.stored {
            return Ok(Arc::clone(&current.snapshot));
        }
        self.write(place, &current, value, None)
    }

    /// Validates and stores a new value. `document` is the text that it came from, which is kept as
    /// it is but for its secrets.
    fn write(
        &self,
        place: Place<'_>,
        current: &Reading,
        mut value: Value,
        document: Option<&Document<'_>>,
    ) -> Result<Arc<Snapshot>, WriteError> {
        let base = self.base();
        let is_overlay = matches!(place.subject, Subject::Tenant(_));
        if is_overlay {
            overlay::check_size(&value).map_err(WriteError::Refused)?;
        }
        let sent = value.clone();
        let credentials = place.subject.credentials();
        restore_secrets(credentials, &mut value, &current.stored, &base.visible).map_err(WriteError::Refused)?;
        if is_overlay {
            overlay::validate(&value, &base.visible).map_err(WriteError::Refused)?;
            seal::seal(place, &mut value)?;
        }
        let mut changes = Vec::new();
        credentials.each(&mut value, &mut |path, secret| {
            if path.get(&sent) != Some(secret) {
                changes.push((path.clone(), secret.clone()));
            }
        });
        let text = match document {
            Some(document) => kept_text(document, &changes, &value),
            None => text::write(&value, format_for(current)),
        };
        if *place.subject == Subject::Gateway {
            let file = File { name: FILE, text: &text };
            load(Some(file), self.overrides.env.iter().cloned(), &self.overrides.flags)?;
        }
        // Sealing makes a text longer: what could not be read again must not be written.
        text::check_size(&text, place.subject.max_bytes())?;
        store(place.directory, current, text.as_bytes())?;
        Ok(self.snapshot(place))
    }
}

fn read<'t>(place: Place<'_>, raw: &'t str) -> Result<Document<'t>, TextError> {
    text::check_size(raw, place.subject.max_bytes())?;
    text::parse(raw)
}

/// The sent text with the secrets that are to be stored; afresh where keys had to go.
fn kept_text(document: &Document<'_>, changes: &[(KeyPath, Value)], value: &Value) -> String {
    let text = document.rewritten(changes, value);
    let says_it = text::parse(&text).is_ok_and(|written| match written.value() {
        Value::Null => value.as_object().is_some_and(Map::is_empty),
        written => written == value,
    });
    if says_it { text } else { text::write(value, document.format()) }
}

fn format_for(current: &Reading) -> Format {
    if current.raw.as_ref().is_some_and(|raw| !raw.is_empty()) { current.format } else { Format::Yaml }
}

fn unchanged_since(current: &Reading, base_hash: Option<&str>) -> Result<(), WriteError> {
    let hash = &current.snapshot.hash;
    match base_hash {
        Some(expected) if !expected.eq_ignore_ascii_case(hash) => Err(WriteError::Conflict { current: hash.clone() }),
        _ => Ok(()),
    }
}

/// Writes the file, after the version that it replaces was put aside. The file itself is never
/// missing meanwhile.
fn store(directory: &Directory, current: &Reading, bytes: &[u8]) -> Result<(), DirectoryError> {
    if current.raw.as_deref() == Some(bytes) {
        return Ok(());
    }
    if let Some(previous) = current.raw.as_deref() {
        for version in (1..KEPT_VERSIONS).rev() {
            match directory.rename(&kept(version)?, &kept(version + 1)?) {
                Ok(()) | Err(DirectoryError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        directory.write_atomic(&kept(1)?, previous)?;
    }
    directory.write_atomic(&reading::path()?, bytes)
}

fn kept(version: usize) -> Result<TenantPath, DirectoryError> {
    Ok(format!("{FILE}.bak.{version}").parse::<TenantPath>()?)
}
