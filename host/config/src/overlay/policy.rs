//! Tool policies, which a tenant may only narrow: `{allow, deny, profile, enabled}` and groups of
//! the same form, at any depth; in a group `exec` also `security` and `ask`, the same word or a stricter one.
//!
//! What a tenant's policy comes to is denied by any level of the gateway or by itself, and allowed by
//! all of them: it is the same whether a reader lays the levels over each other or takes the
//! innermost alone.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::findings::Findings;
use super::{OffenceKind, members};
use crate::path::{KeyPath, Segment};

const EVERYTHING: &str = "*";

/// Mappings whose members are policies, each inside the one around it.
const POLICY_MAPS: &[&str] = &["byProvider", "toolsBySender"];

/// The profiles that there are, which the family `chat` knows.
const PROFILES: &[&str] = &["minimal", "coding", "full"];

/// What a group `exec` says of commands, and by which words, the laxest first.
const OF_COMMANDS: &[(&str, &[&str])] =
    &[("security", &["full", "allowlist", "deny"]), ("ask", &["off", "on-miss", "always"])];

static NOTHING: Value = Value::Null;

/// The gateway's policies that bind one of a tenant's.
pub(super) struct Bounds<'v> {
    /// The one at the same path: what a tenant's is laid over.
    own: &'v Value,
    /// All that bind, `own` among them.
    levels: Vec<&'v Value>,
    /// Those of the policy that a group stands in: they bind a policy inside that group as well.
    around: Vec<&'v Value>,
    holds_policies: bool,
    /// It is a group `exec`.
    of_commands: bool,
}

impl<'v> Bounds<'v> {
    pub(super) fn new(own: &'v Value, levels: Vec<&'v Value>) -> Self {
        Self { own, around: levels.clone(), levels, holds_policies: false, of_commands: false }
    }

    fn group(&self, key: &str) -> Self {
        let mut levels: Vec<&Value> = self.levels.iter().filter_map(|level| level.get(key)).collect();
        let is_policy = self.holds_policies || key == "tools";
        if is_policy {
            levels.extend(&self.around);
        }
        let around = if is_policy { levels.clone() } else { self.around.clone() };
        let own = self.own.get(key).unwrap_or(&NOTHING);
        Self { own, levels, around, holds_policies: POLICY_MAPS.contains(&key), of_commands: key == "exec" }
    }

    fn of<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'v Value> + 'b {
        self.levels.iter().map(move |level| &level[key])
    }

    /// The lists that allow some tools and no others.
    fn restricting(&self) -> Vec<Vec<&'v str>> {
        self.of("allow").filter_map(restricting).collect()
    }

    fn profile_narrows(&self, profile: &str) -> bool {
        self.of("profile").all(|base| match base {
            Value::Null => true,
            base => base == "full" || base == profile || profile == "minimal",
        })
    }

    /// The words of a setting of commands, the laxest first; none for any other key.
    fn words(&self, key: &str) -> Option<&'static [&'static str]> {
        OF_COMMANDS.iter().find(|(setting, _)| self.of_commands && *setting == key).map(|(_, words)| *words)
    }

    /// The place of the strictest word that binds. One that nobody knows is taken for the strictest, as by its readers.
    fn strictest(&self, key: &str, words: &[&str]) -> usize {
        let said = self.of(key).filter_map(Value::as_str);
        said.map(|word| place(words, word).unwrap_or(words.len() - 1)).max().unwrap_or_default()
    }

    /// Only the operator switches on: somewhere it must be on, and nowhere off.
    fn may_be_on(&self) -> bool {
        let mut switches = self.of("enabled").filter(|switch| !switch.is_null()).peekable();
        switches.peek().is_some() && switches.all(|switch| *switch == true)
    }
}

/// Finds everything in a tool policy that does not narrow the gateway's.
pub(super) fn check(policy: &Value, bounds: &Bounds<'_>, path: &mut KeyPath, findings: &mut Findings) {
    if policy.is_null() {
        return;
    }
    if !policy.is_object() {
        return findings.add(path, OffenceKind::Type, "must be a mapping");
    }
    for (key, value) in members(policy) {
        path.push(Segment::Key(key.clone()));
        check_member(key, value, bounds, path, findings);
        path.pop();
    }
}

fn check_member(key: &str, value: &Value, bounds: &Bounds<'_>, path: &mut KeyPath, findings: &mut Findings) {
    if let Some(words) = bounds.words(key) {
        return check_word(value, words, bounds.strictest(key, words), path, findings);
    }
    match (key, value) {
        ("allow" | "deny", value) if !is_list_of_names(value) => {
            findings.add(path, OffenceKind::Type, "must be a list of tool names");
        }
        ("deny", _) => {}
        ("allow", value) => check_allow(&names(value), bounds, path, findings),
        ("profile", Value::String(profile)) => {
            if place(PROFILES, profile).is_none() {
                findings.add(path, OffenceKind::Type, format!("must be one of {}", PROFILES.join(", ")));
            } else if !bounds.profile_narrows(profile) {
                findings.add(path, OffenceKind::Widens, "is wider than the gateway's profile");
            }
        }
        ("enabled", Value::Bool(on)) => {
            if *on && !bounds.may_be_on() {
                findings.add(path, OffenceKind::Widens, "only the operator may switch this on");
            }
        }
        ("profile" | "enabled", _) => findings.add(path, OffenceKind::Type, "is not the right kind of value"),
        (_, Value::Object(_)) => check(value, &bounds.group(key), path, findings),
        _ => findings.add(path, OffenceKind::Protected, "a tenant may only narrow the tools"),
    }
}

fn check_word(value: &Value, words: &[&str], least: usize, path: &mut KeyPath, findings: &mut Findings) {
    match value.as_str().and_then(|word| place(words, word)) {
        None => findings.add(path, OffenceKind::Type, format!("must be one of {}", words.join(", "))),
        Some(place) if place < least => {
            findings.add(path, OffenceKind::Widens, format!("may not be less strict than {}", words[least]));
        }
        Some(_) => {}
    }
}

fn check_allow(allow: &[&str], bounds: &Bounds<'_>, path: &mut KeyPath, findings: &mut Findings) {
    let restricting = bounds.restricting();
    if allow.is_empty() && !restricting.is_empty() {
        return findings.add(path, OffenceKind::Widens, "an empty list would allow every tool");
    }
    for (index, name) in allow.iter().enumerate() {
        if !restricting.iter().all(|level| level.contains(name)) {
            path.push(Segment::Index(index));
            findings.add(path, OffenceKind::Widens, "the gateway does not allow this tool");
            path.pop();
        }
    }
}

/// The policy of a tenant: its own, narrowed by what binds it.
pub(super) fn narrowed(policy: &Value, bounds: &Bounds<'_>) -> Value {
    if !policy.is_object() {
        return bounds.own.clone();
    }
    let mut narrowed = bounds.own.as_object().cloned().unwrap_or_default();
    for (key, value) in members(policy) {
        if let Some(words) = bounds.words(key) {
            let wanted = value.as_str().and_then(|word| place(words, word)).unwrap_or_default();
            let strictest = words[wanted.max(bounds.strictest(key, words))];
            narrowed.insert(key.clone(), strictest.into());
            continue;
        }
        let value = match (key.as_str(), value) {
            ("profile", Value::String(profile)) if bounds.profile_narrows(profile) => value.clone(),
            ("enabled", Value::Bool(on)) => Value::Bool(*on && bounds.may_be_on()),
            ("allow" | "deny", _) => continue,
            (_, Value::Object(_)) => self::narrowed(value, &bounds.group(key)),
            _ => continue,
        };
        narrowed.insert(key.clone(), value);
    }
    narrow_lists(&mut narrowed, policy, bounds);
    Value::Object(narrowed)
}

fn narrow_lists(narrowed: &mut Map<String, Value>, policy: &Value, bounds: &Bounds<'_>) {
    let mut denied = Vec::new();
    let mut seen = HashSet::new();
    let lists = [&bounds.own["deny"]].into_iter().chain(bounds.of("deny")).chain([&policy["deny"]]);
    denied.extend(lists.flat_map(names).filter(|name| seen.insert(*name)));

    let levels = bounds.restricting();
    let allow = [&policy["allow"], &bounds.own["allow"]].into_iter().find_map(restricting);
    let allow = allow.or_else(|| levels.first().cloned());
    let allowed: Option<Vec<&str>> =
        allow.map(|names| names.into_iter().filter(|name| levels.iter().all(|level| level.contains(name))).collect());
    match allowed {
        // Nothing is left, and an empty list would mean everything.
        Some(allowed) if allowed.is_empty() => denied = vec![EVERYTHING],
        Some(allowed) => _ = narrowed.insert("allow".to_owned(), Value::from(allowed)),
        None if policy["allow"].is_array() => _ = narrowed.insert("allow".to_owned(), policy["allow"].clone()),
        None => {}
    }
    if denied.contains(&EVERYTHING) {
        denied = vec![EVERYTHING];
    }
    if !denied.is_empty() || policy["deny"].is_array() {
        narrowed.insert("deny".to_owned(), Value::from(denied));
    }
}

/// A list of names; `None` where it is missing, empty or says `*`, and so allows every tool.
fn restricting(list: &Value) -> Option<Vec<&str>> {
    Some(names(list)).filter(|names| !names.is_empty() && !names.contains(&EVERYTHING))
}

/// The names of a list. An operator's single text is a list of one.
fn names(list: &Value) -> Vec<&str> {
    match list {
        Value::String(name) => vec![name],
        list => list.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// How strict a word is.
fn place(words: &[&str], word: &str) -> Option<usize> {
    words.iter().position(|known| *known == word)
}

fn is_list_of_names(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}
