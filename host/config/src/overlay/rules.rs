//! An overlay against the allow list. A path without a row is allowed below an open one, and
//! unknown everywhere else.

use serde_json::Value;

use super::table::Rule::{
    Any, Closed, Count, InsidePath, Limit, List, Open, Protected, Retention, Switch, Text, Tools,
};
use super::table::{HOST_SIDE_CHANNEL_KEYS, RULES, Rule, matches, rule_of};
use super::{Offence, OffenceKind, members, narrow};
use crate::load::is_retention;
use crate::path::{KeyPath, Segment};
use crate::shape::{Shape, closest, gateway_schema};

/// Everything in an overlay that may not stand there. `visible` is the gateway's part of it.
pub(super) fn offences(overlay: &Value, visible: &Value) -> Vec<Offence> {
    let mut walk = Walk { visible, found: Vec::new() };
    walk.visit(overlay, &KeyPath::root(), false);
    walk.found
}

struct Walk<'v> {
    visible: &'v Value,
    found: Vec<Offence>,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &KeyPath, kind: OffenceKind, reason: impl Into<String>) {
        self.found.push(Offence { path: path.clone(), kind, reason: reason.into() });
    }

    /// Tells every key below, so that a refusal names exactly what has to go.
    fn refuse_leaves(&mut self, value: &Value, path: &KeyPath, kind: OffenceKind, reason: &str) {
        match value.as_object().filter(|members| !members.is_empty()) {
            Some(members) => {
                for (key, member) in members {
                    self.refuse_leaves(member, &path.key(key), kind, reason);
                }
            }
            None => self.refuse(path, kind, reason),
        }
    }

    fn visit(&mut self, value: &Value, path: &KeyPath, open: bool) {
        match rule_of(path) {
            Some(Protected) => {
                self.refuse_leaves(value, path, OffenceKind::Protected, "only the operator may set this");
            }
            Some(Tools) => {
                let base = &self.visible["tools"];
                self.found.extend(narrow::tool_offences(value, base, path));
            }
            Some(rule) => {
                if let Some(expected) = wrong_type(rule, value) {
                    self.refuse(path, OffenceKind::Type, format!("must be {expected}"));
                } else if rule == Limit && narrow::exceeds(value, path.get(self.visible)) {
                    let most = path.get(self.visible).cloned().unwrap_or(Value::Null);
                    self.refuse(path, OffenceKind::Widens, format!("may not be above the gateway's {most}"));
                } else {
                    self.children(value, path, matches!(rule, Open | List | Any));
                }
            }
            None if open => self.children(value, path, true),
            None => self.refuse_stranger(value, path),
        }
    }

    fn children(&mut self, value: &Value, path: &KeyPath, open: bool) {
        for (key, member) in members(value) {
            self.visit(member, &path.key(key), open);
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.visit(item, &path.index(index), open);
        }
    }

    /// A key that the table does not name: the gateway's own, or nobody's.
    fn refuse_stranger(&mut self, value: &Value, path: &KeyPath) {
        let known = Shape::of(gateway_schema()).descend(path).is_some();
        if known {
            self.refuse_leaves(value, path, OffenceKind::Protected, "only the operator may set this");
            return;
        }
        let reason = match (path.segments().last(), path.parent()) {
            (Some(Segment::Key(key)), Some(parent)) => match closest(key, listed_below(&parent)) {
                Some(meant) => format!("unknown key (did you mean {meant:?}?)"),
                None => "unknown key".to_owned(),
            },
            _ => "unknown key".to_owned(),
        };
        self.refuse(path, OffenceKind::Unknown, reason);
    }
}

/// The names that the table has right below a path.
fn listed_below(parent: &KeyPath) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter_map(move |(pattern, rule)| {
        let (head, name) = pattern.rsplit_once('.').unwrap_or(("", pattern));
        (*rule != Protected && name != "*" && !name.is_empty() && matches(head, parent.segments())).then_some(name)
    })
}

/// What the value should have been; `None` when it is that.
fn wrong_type(rule: Rule, value: &Value) -> Option<&'static str> {
    // An empty section says nothing.
    let section = value.is_object() || value.is_null();
    let (fits, expected) = match rule {
        Closed | Open => (section, "a mapping"),
        List => (value.is_array(), "a list"),
        Text => (value.as_str().is_some_and(|text| !text.is_empty()), "a text"),
        Switch => (value.is_boolean(), "true or false"),
        Count => (value.as_u64().is_some_and(|count| (1..=1024).contains(&count)), "a whole number from 1 to 1024"),
        Retention => (value.as_str().is_some_and(is_retention), "a number with m, h or d, or off"),
        InsidePath => (value.as_str().is_some_and(is_inside), "a relative path inside the workspace"),
        Limit => (value.as_f64().is_some_and(|limit| limit > 0.0), "a number above 0"),
        Any | Tools | Protected => (true, ""),
    };
    (!fits).then_some(expected)
}

fn is_inside(path: &str) -> bool {
    let outside = path.starts_with(['/', '~']) || path.contains(['\\', '\0', ':', '$']);
    !outside && !path.split('/').any(|name| name == "..")
}

/// What of the gateway's configuration an overlay could hold too, and the whole tool policy.
pub(super) fn allowed_part(value: Value) -> Value {
    keep_allowed(value, &KeyPath::root(), false).unwrap_or(Value::Null)
}

fn keep_allowed(value: Value, path: &KeyPath, open: bool) -> Option<Value> {
    let open = match rule_of(path) {
        Some(Protected) => return None,
        Some(Tools) => return Some(value),
        Some(InsidePath) if wrong_type(InsidePath, &value).is_some() => return None,
        Some(rule) => matches!(rule, Open | List | Any),
        None if open => true,
        None => return None,
    };
    Some(match value {
        Value::Object(members) => members
            .into_iter()
            .filter_map(|(key, member)| Some((key.clone(), keep_allowed(member, &path.key(&key), open)?)))
            .collect(),
        Value::Array(items) => {
            let kept = items.into_iter().enumerate();
            kept.filter_map(|(index, item)| keep_allowed(item, &path.index(index), open)).collect()
        }
        scalar => scalar,
    })
}

/// The keys that only the operator may set: sections as a whole where an overlay may hold nothing
/// of them, single keys elsewhere; `*` for any name.
pub fn admin_only_keys() -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (path, _) in Shape::of(gateway_schema()).named_paths() {
        let shut = |path: &KeyPath| rule_of(path).is_none() && !under_open(path);
        if shut(&path) && !path.parent().is_some_and(|parent| shut(&parent)) {
            keys.push(path.to_string());
        }
    }
    let protected = RULES.iter().filter(|(_, rule)| *rule == Protected);
    keys.extend(protected.map(|(pattern, _)| (*pattern).to_owned()));
    keys.extend(HOST_SIDE_CHANNEL_KEYS.iter().map(|key| format!("channels.*.{key}")));
    keys.sort();
    keys.dedup();
    keys
}

/// The names that an overlay may hold right below a path.
pub(crate) fn allowed_keys(parent: &KeyPath) -> Vec<&'static str> {
    listed_below(parent).collect()
}

/// True for a section of listed keys only.
pub(crate) fn is_closed(path: &KeyPath) -> bool {
    rule_of(path) == Some(Closed)
}

/// True for a path that an overlay may hold something at.
pub(crate) fn may_hold(path: &KeyPath) -> bool {
    rule_of(path).map_or_else(|| under_open(path), |rule| rule != Protected)
}

fn under_open(path: &KeyPath) -> bool {
    let mut at = path.parent();
    while let Some(path) = at {
        match rule_of(&path) {
            Some(rule) => return matches!(rule, Open | List | Any | Tools),
            None => at = path.parent(),
        }
    }
    false
}
