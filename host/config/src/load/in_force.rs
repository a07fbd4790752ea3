//! The keys of the open sections that something acts on, and what each means: no schema says it of them.

use serde_json::Value;

use crate::path::{KeyPath, Segment};
use crate::shape::closest;

const NOT_READ: &str = "has no effect yet: nothing that comes with the gateway acts on it";

/// Any element of a list, or any member.
const ANY: &str = "*";

/// Keys of a section, each with its meaning.
type Keys = &'static [(&'static str, &'static str)];

/// Open sections and the keys of each that are in force: every other one has no effect.
const IN_FORCE: &[(&str, &[Keys])] = &[
    ("agents", &[AGENTS]),
    ("agents.defaults", &[AGENT]),
    ("agents.defaults.runLimits", &[RUN_LIMITS]),
    ("agents.defaults.sandbox", &[SANDBOX]),
    ("agents.defaults.subagents", &[SUBAGENTS]),
    ("agents.defaults.tools", &[TOOLS]),
    ("agents.defaults.tools.exec", &[COMMANDS]),
    ("agents.list.*", &[AGENT, ONE_AGENT]),
    ("agents.list.*.runLimits", &[RUN_LIMITS]),
    ("agents.list.*.sandbox", &[SANDBOX]),
    ("agents.list.*.subagents", &[SUBAGENTS]),
    ("agents.list.*.tools", &[TOOLS]),
    ("agents.list.*.tools.exec", &[COMMANDS]),
    ("messages", &[MESSAGES]),
    ("messages.queue", &[QUEUE]),
    ("session", &[SESSION]),
    ("skills", &[SKILLS]),
    ("skills.entries.*", &[SKILL]),
    ("tools", &[TOOLS]),
    ("tools.exec", &[COMMANDS, EVERYONES_COMMANDS]),
];

const AGENTS: Keys = &[
    ("defaults", "What holds for every agent that does not say otherwise."),
    ("list", "The agents, each with an `id` and what is its own. Without a list there is one, `main`."),
];

const AGENT: Keys = &[
    ("contextTokens", "Tokens that fit its model, where the model's entry has no `context_window`."),
    ("model", "The model that it calls, by its name or as `{primary: name}`; `models.default` where there is none."),
    ("runLimits", "What one of its runs may take."),
    ("sandbox", "How its commands and terminals are confined, where that is stricter than `sandbox.mode`."),
    ("skills", "The names of the only skills that it is told of; an empty list is none."),
    ("subagents", "The agents that it may give tasks to."),
    ("timeoutSeconds", "Seconds that one of its runs may take; 600 where it is left out."),
    ("tools", "Which tools it may use: a policy that narrows those of the levels above."),
];

const ONE_AGENT: Keys = &[
    ("default", "True for the agent that is meant where none is named."),
    ("id", "Its id, which session keys and methods name it by."),
    ("identity", "Who it is to its users: `name`, `emoji`, `theme` and `avatar`."),
    ("name", "Its name, where `identity` has none."),
    ("quotas", "What its calls of models may come to by day and month: keys as those of `quotas.default`."),
];

const RUN_LIMITS: Keys = &[
    ("costUsd", "US dollars that one run may cost, looked at before each call of a model; no limit by itself."),
    ("modelCalls", "Calls of models that one run may make; 50 where it is left out."),
    ("tokens", "Tokens of all kinds that one run may use, looked at before each call; no limit by itself."),
];

const SANDBOX: Keys = &[("backend", "The mode of the sandbox: bwrap or docker, not less strict than `sandbox.mode`.")];

const SUBAGENTS: Keys =
    &[("allowAgents", "The ids of the other agents that it may give tasks to; `*` is all of them.")];

const TOOLS: Keys = &[
    ("allow", "The only tools: their names, `group:` and a group, or a beginning and `*`. An empty list allows all."),
    ("deny", "Tools that are taken away, named as in `allow`."),
    ("enabled", "False takes all tools away."),
    ("exec", "Which commands are run, and which are asked about first."),
    ("profile", "A set of tools to choose from: minimal, coding or full."),
];

const COMMANDS: Keys = &[
    ("ask", "When somebody is asked before a command: off, on-miss or always; the strictest level counts."),
    ("security", "The commands that are run: full, allowlist or deny; the strictest level counts."),
];

const EVERYONES_COMMANDS: Keys = &[(
    "safeBins",
    "Programs that `security: allowlist` lets run, without a shell, and `ask: on-miss` does not ask about.",
)];

const MESSAGES: Keys = &[("queue", "What becomes of a message that comes while its session's agent is at work.")];

const QUEUE: Keys = &[
    ("cap", "How many messages wait for a session's agent: 20 where it is left out, 300 at most."),
    (
        "mode",
        "followup and collect: each message is answered in its turn. steer and steer-backlog: the run that is under way \
         is told it after the tools that it uses.",
    ),
];

const SESSION: Keys = &[
    ("mainKey", "The name of an agent's main session."),
    ("scope", "Whether each sender has a session (per-sender) or all have one (global)."),
];

const SKILLS: Keys = &[("entries", "What is said of single skills, by their `skillKey` or name.")];

const SKILL: Keys = &[("enabled", "False leaves the skill out of every agent's prompt.")];

/// Every key that is set to something below these sections, and that nothing acts on, with what is to be known of it.
pub(super) fn strangers(set: &Value) -> impl Iterator<Item = (KeyPath, String)> + '_ {
    IN_FORCE.iter().flat_map(move |(section, keys)| {
        places(section, set).into_iter().flat_map(move |place| {
            let members = place.get(set).and_then(Value::as_object).into_iter().flatten();
            let strange = members.filter(|(key, value)| !is_empty(value) && meaning(keys, key).is_none());
            strange.map(move |(key, _)| (place.key(key), not_read(keys, key)))
        })
    })
}

/// Whether a key with this value is as good as left out.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// What a key means, or that nothing acts on it; `None` outside these sections.
pub(super) fn description(path: &KeyPath) -> Option<String> {
    let (Segment::Key(key), place) = (path.segments().last()?, path.parent()?) else { return None };
    let (_, keys) = IN_FORCE.iter().find(|(section, _)| stands_for(section, &place))?;
    if let Some(meaning) = meaning(keys, key) {
        return Some(meaning.to_owned());
    }
    Some(format!("{key} {}", not_read(keys, key)))
}

/// What is to be known of a key of such a section that nothing acts on: what it may have meant, too.
fn not_read(keys: &[Keys], key: &str) -> String {
    let known = keys.iter().copied().flatten().map(|(known, _)| *known);
    let meant = closest(key, known);
    let meant = meant.map(|known| format!(" (did you mean {known:?}?)")).unwrap_or_default();
    format!("{NOT_READ}{meant}")
}

/// Where a pattern's places are in a value.
pub(super) fn places(pattern: &str, set: &Value) -> Vec<KeyPath> {
    pattern.split('.').fold(vec![KeyPath::root()], |places, name| match name {
        ANY => places.iter().flat_map(|place| children(place, set)).collect(),
        name => places.iter().map(|place| place.key(name)).collect(),
    })
}

fn children(place: &KeyPath, set: &Value) -> Vec<KeyPath> {
    match place.get(set) {
        Some(Value::Array(items)) => (0..items.len()).map(|index| place.index(index)).collect(),
        Some(Value::Object(members)) => members.keys().map(|key| place.key(key)).collect(),
        _ => Vec::new(),
    }
}

fn stands_for(pattern: &str, place: &KeyPath) -> bool {
    let names: Vec<&str> = pattern.split('.').collect();
    let segments = place.segments();
    names.len() == segments.len()
        && names.iter().zip(segments).all(|(name, segment)| match segment {
            Segment::Key(key) => name == key || *name == ANY,
            Segment::Index(_) => *name == ANY,
        })
}

fn meaning(keys: &[Keys], key: &str) -> Option<&'static str> {
    keys.iter().copied().flatten().find(|(known, _)| *known == key).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    IN_FORCE.iter().map(|(section, _)| *section)
}
