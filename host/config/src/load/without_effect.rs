//! Settings that are part of the configuration and that this release does nothing with.
//!
//! They are accepted, so that one file serves this release and the next, and told of, so that
//! nobody relies on them. A key leaves the table with the change that puts it in force.

use std::fmt;

use serde_json::Value;

use super::{Loaded, Source, source_of};
use crate::gateway::GatewayConfig;
use crate::path::KeyPath;

const NO_JOB: &str = "has no effect yet: no job is run";
const NO_RUN_QUOTA: &str = "has no effect yet: runs are bounded by the gateway alone";
const OWN_PROFILE: &str = "has no effect yet: the gateway's own seccomp profile is in force";
const NO_BACKUP: &str = "has no effect yet: no backup is made";
const NO_CHANNEL: &str = "has no effect yet: no chat channel is connected";
const NOT_READ: &str = "has no effect yet: nothing that comes with the gateway acts on it";

/// What has no effect as a whole.
const TABLE: &[(&str, &str)] = &[
    ("quotas.default.max_concurrent_sessions", NO_RUN_QUOTA),
    ("quotas.default.max_concurrent_runs", NO_RUN_QUOTA),
    ("sandbox.seccomp_profile", OWN_PROFILE),
    ("backup", NO_BACKUP),
    ("cron", NO_JOB),
    ("nodes.allow_commands", "has no effect yet: no node is paired"),
    ("channels", NO_CHANNEL),
    ("commands", NO_CHANNEL),
    ("bindings", NO_CHANNEL),
    ("talk", "has no effect yet: nothing is spoken"),
    ("memory", "has no effect yet: what agents remember is indexed and searched as docs/agents.md says"),
    ("ui", "has no effect yet: no control UI is served"),
];

/// Open sections and the keys of each that are in force: every other one has no effect. `*` is any element or member.
const IN_FORCE: &[(&str, &[&str])] = &[
    ("agents", &["defaults", "list"]),
    ("agents.defaults", &["contextTokens", "model", "runLimits", "sandbox", "skills", "timeoutSeconds", "tools"]),
    ("agents.defaults.sandbox", &["backend"]),
    ("agents.defaults.tools", TOOLS),
    ("agents.defaults.tools.exec", &["ask", "security"]),
    (
        "agents.list.*",
        &[
            "contextTokens",
            "default",
            "id",
            "identity",
            "model",
            "name",
            "quotas",
            "runLimits",
            "sandbox",
            "skills",
            "timeoutSeconds",
            "tools",
        ],
    ),
    ("agents.list.*.sandbox", &["backend"]),
    ("agents.list.*.tools", TOOLS),
    ("agents.list.*.tools.exec", &["ask", "security"]),
    ("messages", &["queue"]),
    ("messages.queue", &["cap", "mode"]),
    ("session", &["mainKey", "scope"]),
    ("skills", &["entries"]),
    ("skills.entries.*", &["enabled"]),
    ("tools", TOOLS),
    ("tools.exec", &["ask", "safeBins", "security"]),
];

const TOOLS: &[&str] = &["allow", "deny", "enabled", "exec", "profile"];

/// Of a tenant's settings so many are told. A key that is longer is nobody's slip of the pen.
const TOLD: usize = 32;
const TOLD_KEY_BYTES: usize = 256;

/// Why a tenant's quota does nothing, where that is so.
#[must_use]
pub fn quota_without_effect(name: &str) -> Option<&'static str> {
    let row = TABLE.iter().find(|(key, _)| key.strip_prefix("quotas.default.") == Some(name));
    row.map(|(_, message)| *message)
}

/// A setting that does not do what its name says, or has a name that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where the key was set.
    pub source_of: Source,
    /// The key, or the section of which something was set; the root where no key was meant.
    pub key: KeyPath,
    /// What is to be known; names the key, holds no value.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source_of, self.message)
    }
}

impl Loaded {
    /// The settings that have no effect: those that differ from their defaults, and variables of the
    /// environment that set nothing.
    pub fn warnings(&self) -> Vec<Warning> {
        let value = |config: &GatewayConfig| serde_json::to_value(config).unwrap_or(Value::Null);
        let (set, default) = (value(&self.config), value(&GatewayConfig::default()));
        let mut warnings = self.warnings.clone();
        for (key, message) in found(&set, &default) {
            let below = self.sources.iter().find(|(path, _)| key.contains(path)).map(|(_, source)| source.clone());
            let source_of = below.unwrap_or_else(|| source_of(&self.sources, &key));
            warnings.push(Warning { source_of, key, message });
        }
        warnings
    }
}

/// The settings of a tenant's overlay that have no effect, each with what is to be known.
pub(crate) fn overlay_without_effect(overlay: &Value) -> Vec<(KeyPath, String)> {
    let short = |(key, _): &(KeyPath, String)| key.key_bytes() <= TOLD_KEY_BYTES;
    found(overlay, &Value::Null).filter(short).take(TOLD).collect()
}

fn found<'v>(set: &'v Value, default: &'v Value) -> impl Iterator<Item = (KeyPath, String)> + 'v {
    let whole = TABLE.iter().filter_map(|(key, what)| Some((KeyPath::parse(key).ok()?, *what)));
    let whole = whole.filter(move |(key, _)| key.get(set) != key.get(default));
    let parts = IN_FORCE.iter().flat_map(move |(section, keys)| others(section, keys, set));
    let all = whole.chain(parts.map(|key| (key, NOT_READ)));
    let told = all.filter(move |(key, _)| key.get(set).is_some_and(|value| !is_empty(value)));
    told.map(|(key, what)| (key.clone(), format!("{key} {what}")))
}

/// The keys of a section but for these.
fn others<'v>(section: &str, keys: &'static [&str], set: &'v Value) -> impl Iterator<Item = KeyPath> + 'v {
    let places = section.split('.').fold(vec![KeyPath::root()], |places, name| match name {
        "*" => places.iter().flat_map(|place| children(place, set)).collect(),
        name => places.iter().map(|place| place.key(name)).collect(),
    });
    places.into_iter().flat_map(move |place| {
        let members = place.get(set).and_then(Value::as_object).into_iter().flatten();
        members.filter(|(key, _)| !keys.contains(&key.as_str())).map(move |(key, _)| place.key(key))
    })
}

fn children(place: &KeyPath, set: &Value) -> Vec<KeyPath> {
    match place.get(set) {
        Some(Value::Array(items)) => (0..items.len()).map(|index| place.index(index)).collect(),
        Some(Value::Object(members)) => members.keys().map(|key| place.key(key)).collect(),
        _ => Vec::new(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
