//! What of a `config.yaml` may be shown.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use serde::Serialize;
use serde_json::Value;

use super::FILE;
use super::reading::{Findings, hash};
use crate::overlay::{Credentials, admin_only_keys};
use crate::path::KeyPath;
use crate::secret::REDACTED;
use crate::text::{Document, write};

/// The shortest secret that is looked for in comments; a shorter one would be found everywhere.
const TELLING_LENGTH: usize = 4;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The key path; empty for the file as a whole.
    pub path: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{FILE}:{line}:{column}: {}", self.message),
            _ if self.message.starts_with(FILE) => f.write_str(&self.message),
            _ => write!(f, "{FILE}: {}", self.message),
        }
    }
}

/// A file and what it means, all secrets redacted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub exists: bool,
    /// The text; `None` where it cannot be read, as then nobody can tell what in it is secret.
    pub raw: Option<String>,
    /// What the text says; `null` where it cannot be read.
    pub parsed: Value,
    /// False: the configuration is not in force, and nothing else is.
    pub valid: bool,
    /// The effective configuration; `null` where the file is not valid.
    pub config: Value,
    /// SHA-256 of the file's bytes, hexadecimal; of nothing for a missing file.
    pub hash: String,
    pub issues: Vec<Issue>,
    pub warnings: Vec<Issue>,
    #[serde(skip)]
    json: Rendered,
}

/// The JSON of a snapshot, once somebody asked for it.
#[derive(Clone, Debug, Default)]
struct Rendered(OnceLock<Vec<u8>>);

/// What it is made of has been compared.
impl PartialEq for Rendered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The same for everyone, and laborious to find.
static ADMIN_ONLY_KEYS: LazyLock<Vec<String>> = LazyLock::new(admin_only_keys);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'s> {
    #[serde(flatten)]
    snapshot: &'s Snapshot,
    path: &'static str,
    admin_only_keys: &'static [String],
}

impl Snapshot {
    /// As `config.get` shows it: with the file's name, relative to the tenant's directory, and the keys
    /// that no overlay may hold. Made once.
    pub fn json(&self) -> &[u8] {
        self.json.0.get_or_init(|| {
            let shown = Shown { snapshot: self, path: FILE, admin_only_keys: &ADMIN_ONLY_KEYS };
            // Strings, numbers and maps with string keys: nothing that JSON could not hold.
            serde_json::to_vec(&shown).unwrap_or_default()
        })
    }

    pub(super) fn unreadable(raw: Option<&[u8]>, issues: Vec<Issue>) -> Self {
        Self {
            exists: true,
            raw: None,
            parsed: Value::Null,
            valid: false,
            config: Value::Null,
            hash: hash(raw),
            issues,
            warnings: Vec::new(),
            json: Rendered::default(),
        }
    }

    pub(super) fn of(
        credentials: Credentials,
        document: &Document<'_>,
        raw: Option<&[u8]>,
        stored: &Value,
        effective: &Value,
        findings: &Findings,
    ) -> Self {
        let mut parsed = document.value().clone();
        let mut changes = Vec::new();
        credentials.each(&mut parsed, &mut |path, secret| {
            *secret = Value::from(REDACTED);
            changes.push((path.clone(), secret.clone()));
        });
        let text = document.rewritten(&changes, &parsed);
        let tells = tells(&text, &secrets_of(credentials, stored));
        let text = if tells { write(&parsed, document.format()) } else { text };
        let valid = findings.issues.is_empty();
        let mut config = if valid { effective.clone() } else { Value::Null };
        credentials.redact(&mut config);
        Self {
            exists: raw.is_some(),
            raw: Some(text),
            parsed: if parsed.is_null() { Value::Object(serde_json::Map::new()) } else { parsed },
            valid,
            config,
            hash: hash(raw),
            issues: findings.issues.clone(),
            warnings: findings.warnings.clone(),
            json: Rendered::default(),
        }
    }
}

/// The texts of all secrets.
fn secrets_of(credentials: Credentials, stored: &Value) -> Vec<String> {
    let mut secrets = Vec::new();
    credentials.each(&mut stored.clone(), &mut |_: &KeyPath, secret| {
        secrets.extend(secret.as_str().map(str::to_owned));
    });
    secrets
}

/// True when a secret stands in a text elsewhere than in its key: in a comment, say.
fn tells(text: &str, secrets: &[String]) -> bool {
    let telling = secrets.iter().filter(|secret| secret.len() >= TELLING_LENGTH && *secret != REDACTED);
    // One pass for all of them. What it could not be built for may be told: then the comments go.
    AhoCorasick::new(telling).map_or(true, |telling| telling.is_match(text))
}
