//! Settings that are part of the configuration and that this release does nothing with.
//!
//! They are accepted, so that one file serves this release and the next, and told of, so that
//! nobody relies on them. A key leaves the table with the change that puts it in force, and of an open section comes
//! into that of `in_force`.

use std::fmt;

use serde_json::{Value, json};

use super::in_force::{is_empty, strangers};
use super::{Loaded, Source, source_of, tool_names};
use crate::gateway::GatewayConfig;
use crate::path::KeyPath;

const NO_JOB: &str = "has no effect yet: no job is run";
const NO_RUN_QUOTA: &str = "has no effect yet: runs are bounded by the gateway alone";
const OWN_PROFILE: &str = "has no effect yet: the gateway's own seccomp profile is in force";
const NO_BACKUP: &str = "has no effect yet: no backup is made";
const NO_CHANNEL: &str = "has no effect yet: no chat channel is connected";

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
    /// What is to be known; names the key, holds no value but a tool's name.
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
        warnings.extend(found(&set, &default).map(|told| self.warning(told)));
        warnings
    }

    /// Those of them that are about names of tools.
    pub fn unknown_tools(&self) -> Vec<Warning> {
        let policies = json!({"tools": self.config.tools, "agents": self.config.agents});
        tool_names::unknown(&policies).map(|told| self.warning(told)).collect()
    }

    fn warning(&self, (key, message): (KeyPath, String)) -> Warning {
        let below = self.sources.iter().find(|(path, _)| key.contains(path)).map(|(_, source)| source.clone());
        let source_of = below.unwrap_or_else(|| source_of(&self.sources, &key));
        Warning { source_of, key, message }
    }
}

/// The settings of a tenant's overlay that have no effect, each with what is to be known.
pub(crate) fn overlay_without_effect(overlay: &Value) -> Vec<(KeyPath, String)> {
    let short = |(key, _): &(KeyPath, String)| key.key_bytes() <= TOLD_KEY_BYTES;
    found(overlay, &Value::Null).filter(short).take(TOLD).collect()
}

fn found<'v>(set: &'v Value, default: &'v Value) -> impl Iterator<Item = (KeyPath, String)> + 'v {
    let whole = TABLE.iter().filter_map(|(key, what)| Some((KeyPath::parse(key).ok()?, (*what).to_owned())));
    let whole = whole.filter(move |(key, _)| key.get(set) != key.get(default));
    let all = whole.chain(strangers(set));
    let told = all.filter(move |(key, _)| key.get(set).is_some_and(|value| !is_empty(value)));
    told.map(|(key, what)| (key.clone(), format!("{key} {what}"))).chain(tool_names::unknown(set))
}

#[cfg(test)]
mod tests;
