//! Which tools the configuration allows, and what it says of commands.
//!
//! A tool is allowed by every policy there is: `tools`, `agents.defaults.tools`, the agent's own. This knows of names
//! and groups alone, so that the settings of an agent need not know its tools.

use super::bounds::Bounds;
use super::rules::Rules;
use serde_json::Value;

/// Groups of tools that a profile has; a profile of another name has none.
const PROFILES: [(&str, &[&str]); 2] = [
    ("coding", &["group:fs", "group:runtime", "group:memory"]),
    ("full", &["group:fs", "group:runtime", "group:memory", "group:web", "group:sessions"]),
];

/// What all policies together allow.
#[derive(Debug)]
pub(crate) struct Policy {
    levels: [Value; 3],
    /// Where a run spawned the session: the tools that it had.
    within: Option<Vec<String>>,
    pub(super) exec: Rules,
}

/// A tool, as a policy speaks of it.
#[derive(Clone, Copy)]
struct Named<'a> {
    name: &'a str,
    group: &'a str,
}

impl Policy {
    pub(crate) fn of(levels: [Value; 3]) -> Self {
        Self { exec: Rules::of(levels.each_ref().map(|level| &level["exec"])), levels, within: None }
    }

    /// The same within what the run had that spawned the session.
    pub(crate) fn within(self, bounds: &Bounds) -> Self {
        let exec = self.exec.narrowed([Some(bounds.exec_security.as_str()), Some(bounds.exec_ask.as_str())]);
        Self { exec, within: Some(bounds.tools.clone()), ..self }
    }

    pub(super) fn allows(&self, name: &str, group: &str) -> bool {
        let is_within = self.within.as_ref().is_none_or(|tools| tools.iter().any(|kept| kept == name));
        is_within && self.levels.iter().all(|policy| allows(policy, Named { name, group }))
    }
}

/// Whether a policy has this tool: in `allow` where that is given, in `profile` where that is, and not in `deny`.
fn allows(policy: &Value, tool: Named<'_>) -> bool {
    let names = |list: &Value| {
        list.as_array().into_iter().flatten().any(|name| name.as_str().is_some_and(|name| tool.is(name)))
    };
    let listed = match &policy["allow"] {
        Value::Array(list) if !list.is_empty() => names(&policy["allow"]),
        _ => true,
    };
    let in_profile = match policy["profile"].as_str() {
        Some(profile) => {
            let groups = PROFILES.iter().find(|(name, _)| *name == profile).map_or(&[][..], |(_, groups)| groups);
            groups.iter().any(|group| tool.is(group))
        }
        None => true,
    };
    listed && in_profile && !names(&policy["deny"]) && policy["enabled"] != false
}

impl Named<'_> {
    /// Whether a policy's name is this tool's: its own, its group's, or one that ends in `*`.
    fn is(self, name: &str) -> bool {
        match name.strip_suffix('*') {
            Some(prefix) => self.name.starts_with(prefix),
            None => name == self.name || name == self.group,
        }
    }
}
