//! Settings that are part of the configuration and that this release does nothing with.
//!
//! They are accepted, so that one file serves this release and the next, and told of, so that
//! nobody relies on them. A key leaves the table with the change that puts it in force.

use std::fmt;

use serde_json::Value;

use super::{Loaded, Source};
use crate::gateway::GatewayConfig;
use crate::path::KeyPath;

const NO_JOB: &str = "has no effect yet: no job is run";
const NO_RUN_QUOTA: &str = "has no effect yet: runs are bounded by the gateway alone";
const NO_SKILL: &str = "has no effect yet: no skill is used";
const OWN_PROFILE: &str = "has no effect yet: the gateway's own seccomp profile is in force";
const NO_BACKUP: &str = "has no effect yet: no backup is made";
const NO_CHANNEL: &str = "has no effect yet: no chat channel is connected";

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
    ("skills", NO_SKILL),
    ("talk", "has no effect yet: nothing is spoken"),
    ("memory", "has no effect yet: nothing is remembered"),
];

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
        for (key, what) in TABLE {
            let Ok(key) = KeyPath::parse(key) else { continue };
            if key.get(&set) == key.get(&default) {
                continue;
            }
            let source = self.sources.iter().find(|(path, _)| key.contains(path)).map(|(_, source)| source.clone());
            let message = format!("{key} {what}");
            warnings.push(Warning { source_of: source.unwrap_or(Source::Default), key, message });
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
