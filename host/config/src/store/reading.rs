//! From the bytes of a `config.yaml` to what it means.

use std::sync::Arc;

use openclaw_tenancy::{Directory, DirectoryError, FileIdentity, TenantPath};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Base, Damaged, FILE, Issue, Overrides, Place, Snapshot, Subject, seal};
use crate::load::{ConfigError, File, effective, load, overlay_without_effect};
use crate::overlay::{self, Offence, OffenceKind};
use crate::path::KeyPath;
use crate::text::{self, Document, Format, Places};

/// One state of a file, with everything that is ever asked of it.
pub(super) struct Reading {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) effective: Result<Arc<Value>, Damaged>,
    /// What the file holds, secrets open; `null` where that cannot be told.
    pub(super) stored: Value,
    pub(super) format: Format,
    /// The bytes on disk; `None` for a file that is missing or cannot be read.
    pub(super) raw: Option<Vec<u8>>,
    /// How much of the file is kept.
    pub(super) bytes: usize,
}

/// The path of the file in its directory.
pub(super) fn path() -> Result<TenantPath, DirectoryError> {
    Ok(FILE.parse::<TenantPath>()?)
}

/// What tells one state of the file from the next; `None` where there is no file.
pub(super) fn identity(directory: &Directory) -> Result<Option<FileIdentity>, DirectoryError> {
    Ok(directory.metadata(&path()?)?.map(|metadata| metadata.identity))
}

/// Reads the file. The identity is missing where the file changed meanwhile, or could not be read:
/// such a reading must not be kept.
pub(super) fn read(place: Place<'_>, base: &Base, overrides: &Overrides) -> (Option<Option<FileIdentity>>, Reading) {
    let before = identity(place.directory);
    let bytes = path().and_then(|path| place.directory.read_all(&path, place.subject.max_bytes() as u64));
    let bytes = match bytes {
        Ok(bytes) => Some(bytes),
        Err(DirectoryError::NotFound) => None,
        Err(error) => {
            let issue = Issue::of_file(format!("{FILE}: {error}"));
            return (None, unreadable(None, vec![issue]));
        }
    };
    let after = identity(place.directory);
    let kept = match (before, after) {
        (Ok(before), Ok(after)) if before == after && after.is_some() == bytes.is_some() => Some(after),
        _ => None,
    };
    (kept, interpret(place, base, overrides, bytes))
}

fn interpret(place: Place<'_>, base: &Base, overrides: &Overrides, raw: Option<Vec<u8>>) -> Reading {
    let Ok(text) = std::str::from_utf8(raw.as_deref().unwrap_or_default()) else {
        return unreadable(raw, vec![Issue::of_file(format!("{FILE}: not UTF-8"))]);
    };
    let document = match text::parse(text) {
        Ok(document) => document,
        Err(error) => return unreadable(raw, vec![Issue::of_text(&error)]),
    };
    let mut stored = document.value().clone();
    if stored.is_null() {
        stored = Value::Object(Map::new());
    }
    let warnings = seal::open(place, &mut stored);
    let mut findings = Findings { warnings, ..Findings::default() };
    let effective = match place.subject {
        Subject::Gateway => findings.gateway(text, overrides),
        Subject::Tenant(_) => findings.overlay(&stored, base, &document),
    };
    let format = document.format();
    let snapshot = Snapshot::of(place.subject.credentials(), &document, raw.as_deref(), &stored, &effective, &findings);
    let bytes = text.len();
    Reading { snapshot: Arc::new(snapshot), effective: findings.judge(effective), stored, format, raw, bytes }
}

/// A file whose text says nothing.
fn unreadable(raw: Option<Vec<u8>>, issues: Vec<Issue>) -> Reading {
    let snapshot = Snapshot::unreadable(raw.as_deref(), issues.clone());
    Reading {
        snapshot: Arc::new(snapshot),
        effective: Err(Damaged::of(issues)),
        stored: Value::Null,
        format: Format::Yaml,
        bytes: raw.as_ref().map_or(0, Vec::len),
        raw,
    }
}

/// What is wrong with a file that can be read.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) issues: Vec<Issue>,
    pub(super) warnings: Vec<Issue>,
}

impl Findings {
    fn gateway(&mut self, text: &str, overrides: &Overrides) -> Arc<Value> {
        match load(Some(File { name: FILE, text }), overrides.env.iter().cloned(), &overrides.flags) {
            Ok(loaded) => Arc::new(effective(&loaded.config)),
            Err(errors) => {
                self.issues = errors.0.iter().map(Issue::of_error).collect();
                Arc::default()
            }
        }
    }

    /// What widens does no harm, as merging narrows it: only a warning once it is stored.
    fn overlay(&mut self, stored: &Value, base: &Base, document: &Document<'_>) -> Arc<Value> {
        if let Err(offences) = overlay::validate(stored, &base.visible) {
            let places = document.places_of(offences.iter().map(|offence| &offence.path));
            let (warnings, issues) = offences.iter().partition::<Vec<&Offence>, _>(|o| o.kind == OffenceKind::Widens);
            let described = |offences: Vec<&Offence>| -> Vec<Issue> {
                offences.into_iter().map(|offence| Issue::of_offence(offence, &places)).collect()
            };
            self.issues = described(issues);
            self.warnings.extend(described(warnings));
        }
        let idle = overlay_without_effect(stored);
        let places = document.places_of(idle.iter().map(|(path, _)| path));
        self.warnings.extend(idle.iter().map(|(path, message)| Issue::at(path, message.clone(), &places)));
        let nothing = stored.as_object().is_some_and(Map::is_empty);
        if nothing { Arc::clone(&base.visible) } else { Arc::new(overlay::merge(&base.visible, stored)) }
    }

    fn judge(self, effective: Arc<Value>) -> Result<Arc<Value>, Damaged> {
        if self.issues.is_empty() { Ok(effective) } else { Err(Damaged::of(self.issues)) }
    }
}

impl Damaged {
    fn of(issues: Vec<Issue>) -> Self {
        let message = issues.first().map_or_else(|| FILE.to_owned(), ToString::to_string);
        Self { message, issues }
    }
}

impl Issue {
    fn of_file(message: String) -> Self {
        Self { path: String::new(), message, line: None, column: None }
    }

    fn of_text(error: &text::TextError) -> Self {
        let position = error.position;
        Self {
            path: String::new(),
            message: error.message.clone(),
            line: position.map(|at| at.line),
            column: position.map(|at| at.column),
        }
    }

    fn of_error(error: &ConfigError) -> Self {
        let position = error.position();
        let meant = error.suggestion.as_ref().map(|name| format!(" (did you mean {name:?}?)"));
        Self {
            path: error.key.to_string(),
            message: format!("{}{}", error.message, meant.unwrap_or_default()),
            line: position.map(|at| at.line),
            column: position.map(|at| at.column),
        }
    }

    fn of_offence(offence: &Offence, places: &Places) -> Self {
        Self::at(&offence.path, offence.to_string(), places)
    }

    fn at(path: &KeyPath, message: String, places: &Places) -> Self {
        let position = places.get(path).map(|place| place.position);
        Self { path: path.to_string(), message, line: position.map(|at| at.line), column: position.map(|at| at.column) }
    }
}

/// The hash by which a version of the file is named: SHA-256, hexadecimal; of nothing for a file
/// that is missing.
pub(super) fn hash(raw: Option<&[u8]>) -> String {
    hex::encode(Sha256::digest(raw.unwrap_or_default()))
}
