//! What the lists of tool policies name that is no tool: denied, it denies nothing, and allowed, it allows nothing.
//!
//! It is no error: a configuration may come from elsewhere, where there are other tools, and a tenant may have a
//! component that brings some.

use serde_json::Value;

use super::in_force::places;
use crate::path::KeyPath;
use crate::shape::closest;

/// The tools of the family `chat`, and their groups.
const TOOLS: &[&str] = &[
    "exec",
    "read",
    "write",
    "edit",
    "ls",
    "grep",
    "memory_search",
    "memory_write",
    "http_fetch",
    "session_spawn",
    "group:fs",
    "group:runtime",
    "group:memory",
    "group:web",
    "group:sessions",
];

/// The policies that a run reads.
const POLICIES: &[&str] = &["tools", "agents.defaults.tools", "agents.list.*.tools"];

/// So much is shown of a name, and a longer one is no slip of the pen.
const SHOWN: usize = 64;

/// Every name that is no tool's, with what is to be known.
pub(super) fn unknown(set: &Value) -> impl Iterator<Item = (KeyPath, String)> + '_ {
    let policies = POLICIES.iter().flat_map(move |pattern| places(pattern, set));
    let lists = policies.flat_map(|policy| ["allow", "deny"].map(|list| policy.key(list)));
    lists.flat_map(move |list| {
        let names = list.get(set).and_then(Value::as_array).into_iter().flatten().enumerate();
        let unknown = names.filter_map(|(index, name)| Some((index, name.as_str().filter(|name| !is_known(name))?)));
        unknown.map(move |(index, name)| told(list.index(index), name))
    })
}

fn told(key: KeyPath, name: &str) -> (KeyPath, String) {
    let meant = (name.len() <= SHOWN).then(|| closest(name, TOOLS.iter().copied())).flatten();
    let meant = meant.map(|meant| format!(" (did you mean {meant:?}?)")).unwrap_or_default();
    let shown: String = name.chars().take(SHOWN).collect();
    let message = format!("{key} names no tool that comes with the gateway: {shown:?}{meant}");
    (key, message)
}

/// As policies are read: a tool, a group, or the beginning of a tool's name and `*`.
fn is_known(name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(beginning) => TOOLS.iter().any(|tool| !tool.starts_with("group:") && tool.starts_with(beginning)),
        None => TOOLS.contains(&name),
    }
}
