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

/// The group that speaks of commands.
const OF_COMMANDS: &str = "exec";

/// What it says of them, and by which words, the laxest first.
const SETTINGS: &[(&str, &[&str])] =
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
        Self { own, levels, around, holds_policies: POLICY_MAPS.contains(&key), of_commands: key == OF_COMMANDS }
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
        if self.of_commands { words(OF_COMMANDS, key) } else { None }
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

/// Finds everything in a tool policy of the operator's that its readers would take for nothing. What is null says
/// nothing; what no reader knows is left alone.
pub(super) fn check_own(policy: &Value, group: &str, path: &mut KeyPath, found: &mut impl FnMut(&KeyPath, String)) {
    if !policy.is_object() {
        return found(path, "must be a mapping".to_owned());
    }
    for (key, value) in members(policy).filter(|(_, value)| !value.is_null()) {
        path.push(Segment::Key(key.clone()));
        match wrong_type(key, value, words(group, key)) {
            Some(reason) => found(path, reason),
            None if value.is_object() => check_own(value, key, path, found),
            None => {}
        }
        path.pop();
    }
}

/// What a member of a policy should have been; `None` where it is that. `words` are those that it may say.
fn wrong_type(key: &str, value: &Value, words: Option<&[&str]>) -> Option<String> {
    let words = words.or_else(|| (key == "profile").then_some(PROFILES));
    if let Some(words) = words {
        let known = value.as_str().and_then(|word| place(words, word)).is_some();
        return (!known).then(|| format!("must be one of {}", words.join(", ")));
    }
    let (fits, expected) = match key {
        "allow" | "deny" => (is_list_of_names(value), "must be a list of tool names"),
        "enabled" => (value.is_boolean(), "must be true or false"),
        OF_COMMANDS => (value.is_object(), "must be a mapping"),
        _ => (true, ""),
    };
    (!fits).then(|| expected.to_owned())
}

fn check_member(key: &str, value: &Value, bounds: &Bounds<'_>, path: &mut KeyPath, findings: &mut Findings) {
    let words = bounds.words(key);
    if let Some(reason) = wrong_type(key, value, words) {
        return findings.add(path, OffenceKind::Type, reason);
    }
    if let Some(words) = words {
        return check_word(value, words, bounds.strictest(key, words), path, findings);
    }
    match (key, value) {
        ("deny", _) => {}
        ("allow", value) => check_allow(&names(value), bounds, path, findings),
        ("profile", Value::String(profile)) => {
            if !bounds.profile_narrows(profile) {
                findings.add(path, OffenceKind::Widens, "is wider than the gateway's profile");
            }
        }
        ("enabled", Value::Bool(on)) => {
            if *on && !bounds.may_be_on() {
                findings.add(path, OffenceKind::Widens, "only the operator may switch this on");
            }
        }
        (_, Value::Object(_)) => check(value, &bounds.group(key), path, findings),
        _ => findings.add(path, OffenceKind::Protected, "a tenant may only narrow the tools"),
    }
}

fn check_word(value: &Value, words: &[&str], least: usize, path: &mut KeyPath, findings: &mut Findings) {
    if value.as_str().and_then(|word| place(words, word)).is_some_and(|place| place < least) {
        findings.add(path, OffenceKind::Widens, format!("may not be less strict than {}", words[least]));
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

/// The names of a list. A single text, which no file may say, binds like a list of one.
fn names(list: &Value) -> Vec<&str> {
    match list {
        Value::String(name) => vec![name],
        list => list.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// The words of a setting of commands, the laxest first; none for any other key.
fn words(group: &str, key: &str) -> Option<&'static [&'static str]> {
    let settings = if group == OF_COMMANDS { SETTINGS } else { &[] };
    settings.iter().find(|(setting, _)| *setting == key).map(|(_, words)| *words)
}

/// How strict a word is.
fn place(words: &[&str], word: &str) -> Option<usize> {
    words.iter().position(|known| *known == word)
}

pub(super) fn is_list_of_names(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}
