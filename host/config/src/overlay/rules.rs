//! An overlay against the allow list. A path without a row is allowed below an open one where its
//! name says so, and unknown everywhere else.

use openclaw_tenancy::PicoUsd;
use serde_json::Value;

use super::findings::Findings;
use super::ground::Ground;
use super::host_names::{FIRST_WORDS, LAST_WORDS, WHOLE_KEYS};
use super::merge::{exceeds, policies_of};
use super::modes::{stricter, strictness};
use super::table::Rule::{
    Agents, Any, Closed, Count, InsidePath, Limit, List, Mode, Open, Picture, Policies, Protected, Queue, QueueMode,
    Quotas, Retention, Settings, Switch, Text, Texts, Tools, Unlisted, Usd, Variables, Whole,
};
use super::table::{Rule, Spot, rows};
use super::{Offence, OffenceKind, members, policy};
use crate::load::is_retention;
use crate::path::{KeyPath, Segment};
use crate::shape::{Shape, closest, gateway_schema};

const OPERATORS: &str = "only the operator may set this";

/// What in an overlay may not stand there. `visible` is the gateway's part of it.
pub(super) fn offences(overlay: &Value, visible: &Value) -> Vec<Offence> {
    let mode = stricter(&visible["sandbox"]["mode"], &overlay["sandbox"]["mode"]);
    let mut walk = Walk { path: KeyPath::root(), findings: Findings::default(), mode };
    walk.visit(overlay, &Spot::root(), &Ground::root(visible));
    walk.findings.into_offences()
}

struct Walk<'v> {
    path: KeyPath,
    findings: Findings,
    /// What the gateway and the tenant choose for the sandbox.
    mode: &'v Value,
}

impl Walk<'_> {
    fn refuse(&mut self, kind: OffenceKind, reason: impl Into<String>) {
        self.findings.add(&self.path, kind, reason);
    }

    /// Does something one step further.
    fn below(&mut self, segment: Segment, visit: impl FnOnce(&mut Self)) {
        self.path.push(segment);
        visit(self);
        self.path.pop();
    }

    /// Tells every key below, so that a refusal names exactly what has to go.
    fn refuse_leaves(&mut self, value: &Value) {
        match value.as_object().filter(|members| !members.is_empty()) {
            Some(members) => {
                for (key, member) in members {
                    self.below(Segment::Key(key.clone()), |walk| walk.refuse_leaves(member));
                }
            }
            None => self.refuse(OffenceKind::Protected, OPERATORS),
        }
    }

    fn visit(&mut self, value: &Value, spot: &Spot, ground: &Ground<'_>) {
        let Some(rule) = spot.rule() else { return self.refuse_leaves(value) };
        match rule {
            Protected => self.refuse_leaves(value),
            Tools => policy::check(value, &ground.bounds(), &mut self.path, &mut self.findings),
            Quotas => {
                // As a call is held to them: what cannot be read refuses every call of the agent's.
                if let Err(error) = openclaw_tenancy::Quotas::default().merge(value) {
                    self.refuse(OffenceKind::Type, error.to_string());
                }
            }
            Limit if value.as_f64().is_some_and(|limit| limit > 0.0) && exceeds(value, ground.own()) => {
                self.refuse(OffenceKind::Widens, format!("may not be above the gateway's {}", ground.own()));
            }
            Mode if strictness(value).is_some_and(|own| Some(own) < strictness(self.least(ground))) => {
                let reason = format!("may not be less strict than {}", self.least(ground).as_str().unwrap_or_default());
                self.refuse(OffenceKind::Widens, reason);
            }
            rule => match wrong_type(rule, value) {
                Some(expected) => {
                    self.findings.add_with(&self.path, OffenceKind::Type, || format!("must be {expected}"));
                }
                None if hides_policies(value, spot, ground) => {
                    self.refuse(OffenceKind::Type, "must be a mapping: the gateway has tool policies inside");
                }
                None => self.visit_children(value, spot, ground),
            },
        }
    }

    /// The least strict mode that may stand here.
    fn least<'g>(&'g self, ground: &Ground<'g>) -> &'g Value {
        stricter(self.mode, ground.own())
    }

    fn visit_children(&mut self, value: &Value, spot: &Spot, ground: &Ground<'_>) {
        for (key, member) in members(value) {
            let segment = Segment::Key(key.clone());
            let child = spot.child(&segment);
            self.below(segment, |walk| match child.rule() {
                Some(_) => walk.visit(member, &child, &ground.key(key)),
                None => walk.refuse_stranger(key, member, spot),
            });
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            let segment = Segment::Index(index);
            let child = spot.child(&segment);
            let ground = if spot.rule() == Some(Agents) { ground.agent(item) } else { ground.item(item) };
            self.below(segment, |walk| walk.visit(item, &child, &ground));
        }
    }

    /// A key that the table does not name: the gateway's own, or nobody's.
    fn refuse_stranger(&mut self, key: &str, value: &Value, parent: &Spot) {
        let is_listed = parent.rule() == Some(Settings);
        let known = !is_listed && Shape::of(gateway_schema()).descend(&self.path).is_some();
        if known {
            return self.refuse_leaves(value);
        }
        self.findings.add_with(&self.path, OffenceKind::Unknown, || {
            let meant = closest(key, parent.allowed_names());
            meant.map_or_else(|| "unknown key".to_owned(), |meant| format!("unknown key (did you mean {meant:?}?)"))
        });
    }
}

/// True for what would stand in the place of an object of the gateway that holds tool policies.
fn hides_policies(value: &Value, spot: &Spot, ground: &Ground<'_>) -> bool {
    let own = ground.own();
    !value.is_object() && !value.is_null() && own.is_object() && policies_of(own, spot).is_some()
}

/// What the value should have been; `None` when it is that.
pub(super) fn wrong_type(rule: Rule, value: &Value) -> Option<&'static str> {
    // An empty section says nothing.
    let section = value.is_object() || value.is_null();
    let text = |fits: fn(&str) -> bool| value.as_str().is_some_and(fits);
    let (fits, expected) = match rule {
        Closed | Settings | Open | Variables | Policies => (section, "a mapping"),
        Queue => (section || text(is_queue_mode), "a mapping, or one of followup, collect, steer, steer-backlog"),
        QueueMode => (text(is_queue_mode), "one of followup, collect, steer, steer-backlog"),
        List | Agents => (value.is_array(), "a list"),
        Text => (text(|text| !text.is_empty()), "a text"),
        Switch => (value.is_boolean(), "true or false"),
        Count => (value.as_u64().is_some_and(|count| (1..=1024).contains(&count)), "a whole number from 1 to 1024"),
        // Without a value they are as good as unset.
        Whole => (value.is_u64() || value.is_null(), "a whole number"),
        Usd => (is_usd(value) || value.is_null(), "an amount of US dollars, of at most 12 places"),
        Texts => (policy::is_list_of_names(value) || value.is_null(), "a list of texts"),
        Retention => (text(is_retention), "a number with m, h or d, or off"),
        InsidePath => (text(is_inside), "a relative path inside the workspace"),
        Picture => (text(is_picture), "a web address, or a relative path inside the workspace"),
        Limit => (value.as_f64().is_some_and(|limit| limit > 0.0), "a number above 0"),
        Mode => (strictness(value).is_some(), "bwrap or docker"),
        Unlisted | Any | Quotas | Tools | Protected => (true, ""),
    };
    (!fits).then_some(expected)
}

fn is_usd(amount: &Value) -> bool {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    text.parse::<PicoUsd>().is_ok()
}

/// OpenClaw has `interrupt` too, which ends the run that is under way: nothing here does.
fn is_queue_mode(mode: &str) -> bool {
    ["followup", "collect", "steer", "steer-backlog"].contains(&mode)
}

fn is_inside(path: &str) -> bool {
    let outside = path.starts_with(['/', '~']) || path.contains(['\\', '\0', ':', '$']);
    !outside && !path.split('/').any(|name| name == "..")
}

fn is_picture(picture: &str) -> bool {
    ["https://", "http://", "data:"].iter().any(|scheme| picture.starts_with(scheme)) || is_inside(picture)
}

/// What of the gateway's configuration an overlay could hold too, and the whole tool policy.
pub(super) fn allowed_part(value: Value) -> Value {
    keep_allowed(value, &Spot::root()).unwrap_or(Value::Null)
}

fn keep_allowed(value: Value, spot: &Spot) -> Option<Value> {
    match spot.rule()? {
        Protected => return None,
        Tools | Policies => return Some(value),
        rule @ (InsidePath | Picture) if wrong_type(rule, &value).is_some() => return None,
        _ => {}
    }
    Some(match value {
        Value::Object(members) => members
            .into_iter()
            .filter_map(|(key, member)| {
                let spot = spot.child(&Segment::Key(key.clone()));
                Some((key, keep_allowed(member, &spot)?))
            })
            .collect(),
        Value::Array(items) => {
            let kept = items.into_iter().enumerate();
            kept.filter_map(|(index, item)| keep_allowed(item, &spot.child(&Segment::Index(index)))).collect()
        }
        scalar => scalar,
    })
}

/// The keys that only the operator may set: sections as a whole where an overlay may hold nothing
/// of them, single keys elsewhere; `*` for any name, `**` for any path.
pub fn admin_only_keys() -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (path, _) in Shape::of(gateway_schema()).named_paths() {
        let shut = |path: &KeyPath| Spot::at(path).rule().is_none();
        if shut(&path) && !path.parent().is_some_and(|parent| shut(&parent)) {
            keys.push(path.to_string());
        }
    }
    keys.extend(rows().filter(|(_, rule)| *rule == Protected).map(|(pattern, _)| pattern));
    keys.extend(LAST_WORDS.iter().chain(WHOLE_KEYS).map(|word| format!("**.{word}")));
    keys.extend(LAST_WORDS.iter().map(|word| format!("**.*{}", capitalised(word))));
    keys.extend(FIRST_WORDS.iter().map(|word| format!("**.{word}*")));
    keys.sort();
    keys.dedup();
    keys
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// The names that an overlay may hold right below a path.
pub(crate) fn allowed_keys(parent: &KeyPath) -> Vec<&'static str> {
    Spot::at(parent).allowed_names().collect()
}

/// True for a section of listed keys only.
pub(crate) fn is_closed(path: &KeyPath) -> bool {
    Spot::at(path).rule() == Some(Closed)
}

/// True for a path that an overlay may hold something at.
pub(crate) fn may_hold(path: &KeyPath) -> bool {
    Spot::at(path).rule().is_some_and(|rule| rule != Protected)
}
