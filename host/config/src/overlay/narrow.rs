//! What an overlay may only narrow: the tool policy and the sandbox limits.
//!
//! A tool policy is `{allow, deny, profile, enabled}` and groups of the same form, at any depth.

use serde_json::{Map, Value};

use super::{Offence, OffenceKind, members};
use crate::path::KeyPath;

const EVERYTHING: &str = "*";

/// True for a limit above the gateway's.
pub(super) fn exceeds(limit: &Value, base: Option<&Value>) -> bool {
    match (limit.as_f64(), base.and_then(Value::as_f64)) {
        (Some(limit), Some(base)) => limit > base,
        _ => false,
    }
}

/// The lower of both, limit by limit.
pub(super) fn limits(base: &Value, over: &Value) -> Value {
    let mut limits = base.clone();
    if let Value::Object(limits) = &mut limits {
        for (key, limit) in members(over) {
            if limits.get(key).is_some_and(|base| limit.is_number() && !exceeds(limit, Some(base))) {
                limits.insert(key.clone(), limit.clone());
            }
        }
    }
    limits
}

/// Everything in a tool policy that does not narrow the gateway's.
pub(super) fn tool_offences(policy: &Value, base: &Value, path: &KeyPath) -> Vec<Offence> {
    let offence = |path: KeyPath, kind, reason: &str| vec![Offence { path, kind, reason: reason.to_owned() }];
    if policy.is_null() {
        return Vec::new();
    }
    let Value::Object(policy) = policy else {
        return offence(path.clone(), OffenceKind::Type, "must be a mapping");
    };
    let mut found = Vec::new();
    for (key, value) in policy {
        let path = path.key(key);
        found.extend(match (key.as_str(), value) {
            ("allow" | "deny", value) if texts(value).is_none() => {
                offence(path, OffenceKind::Type, "must be a list of tool names")
            }
            ("deny", _) => Vec::new(),
            ("allow", value) => allow_offences(value, &base["allow"], &path),
            ("profile", Value::String(profile)) if profile_narrows(profile, &base["profile"]) => Vec::new(),
            ("profile", Value::String(_)) => offence(path, OffenceKind::Widens, "is wider than the gateway's profile"),
            ("enabled", Value::Bool(on)) if !on || base["enabled"] == true => Vec::new(),
            ("enabled", Value::Bool(_)) => offence(path, OffenceKind::Widens, "only the operator may switch this on"),
            ("profile" | "enabled", _) => offence(path, OffenceKind::Type, "is not the right kind of value"),
            (_, Value::Object(_)) => tool_offences(value, &base[key], &path),
            _ => offence(path, OffenceKind::Protected, "a tenant may only narrow the tools"),
        });
    }
    found
}

fn allow_offences(allow: &Value, base: &Value, path: &KeyPath) -> Vec<Offence> {
    let Some(base) = texts(base).filter(|base| !base.is_empty() && !base.contains(&EVERYTHING)) else {
        return Vec::new();
    };
    let names = texts(allow).unwrap_or_default();
    let widens = |path: KeyPath, reason: String| Offence { path, kind: OffenceKind::Widens, reason };
    if names.is_empty() {
        return vec![widens(path.clone(), "an empty list would allow every tool".to_owned())];
    }
    let strangers = names.iter().enumerate().filter(|(_, name)| !base.contains(name));
    strangers.map(|(index, _)| widens(path.index(index), "the gateway does not allow this tool".to_owned())).collect()
}

fn profile_narrows(profile: &str, base: &Value) -> bool {
    match base.as_str() {
        None | Some("full") => true,
        Some(base) => profile == base || profile == "minimal",
    }
}

/// The policy of a tenant: denied by either, allowed by both.
pub(super) fn tools(base: &Value, over: &Value) -> Value {
    let (Value::Object(below), Value::Object(above)) = (base, over) else {
        return base.clone();
    };
    let mut policy = below.clone();
    for (key, value) in above {
        let base = below.get(key).unwrap_or(&Value::Null);
        let narrowed = match (key.as_str(), value) {
            ("deny", _) => union(base, value),
            ("allow", _) => match both(base, value) {
                Some(allowed) => Some(allowed),
                // Nothing is left, and an empty list would mean everything.
                None => {
                    policy.insert("deny".to_owned(), Value::from(vec![EVERYTHING]));
                    continue;
                }
            },
            ("profile", Value::String(profile)) if profile_narrows(profile, base) => Some(value.clone()),
            ("enabled", Value::Bool(on)) => Some(Value::Bool(*on && *base == true)),
            (_, Value::Object(_)) => {
                let base = if base.is_object() { base.clone() } else { Value::Object(Map::new()) };
                Some(tools(&base, value))
            }
            _ => None,
        };
        if let Some(narrowed) = narrowed {
            policy.insert(key.clone(), narrowed);
        }
    }
    if policy.get("deny").and_then(texts).is_some_and(|denied| denied.contains(&EVERYTHING)) {
        policy.insert("deny".to_owned(), Value::from(vec![EVERYTHING]));
    }
    Value::Object(policy)
}

fn union(base: &Value, over: &Value) -> Option<Value> {
    let mut names = texts(base).unwrap_or_default();
    for name in texts(over)? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(Value::from(names))
}

/// What both lists allow; `None` when that is nothing. A missing or empty list allows everything.
fn both(base: &Value, over: &Value) -> Option<Value> {
    let restricting = |list| texts(list).filter(|names| !names.is_empty() && !names.contains(&EVERYTHING));
    let allowed = match (restricting(base), restricting(over)) {
        (None, _) => return Some(over.clone()),
        (Some(_), None) => return Some(base.clone()),
        (Some(base), Some(over)) => over.into_iter().filter(|name| base.contains(name)).collect::<Vec<_>>(),
    };
    (!allowed.is_empty()).then(|| Value::from(allowed))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
