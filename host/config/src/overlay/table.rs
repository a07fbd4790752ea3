//! The allow list itself.
//!
//! `*` stands for any key or index. The first row that matches a path decides.

use crate::path::{KeyPath, Segment};

/// What may stand at the paths of a row.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// An object with the keys of further rows, no others.
    Closed,
    /// An object of any keys, but for further rows.
    Open,
    /// A list of anything, but for further rows.
    List,
    /// Any value.
    Any,
    Text,
    Switch,
    /// A whole number from 1.
    Count,
    /// `24h`, `7d`, `off`.
    Retention,
    /// A path inside the workspace.
    InsidePath,
    /// A sandbox limit: a number above 0, not above the gateway's.
    Limit,
    /// A tool policy that only narrows.
    Tools,
    /// The operator's alone.
    Protected,
}

use Rule::{Any, Closed, Count, InsidePath, Limit, List, Open, Protected, Retention, Switch, Text, Tools};

pub(super) const RULES: &[(&str, Rule)] = &[
    ("", Closed),
    ("agents", Closed),
    ("agents.defaults", Open),
    ("agents.list", List),
    ("agents.list.*", Open),
    // How an agent is confined, what runs on the host for it, and where its credentials lie.
    ("agents.defaults.sandbox", Protected),
    ("agents.list.*.sandbox", Protected),
    ("agents.defaults.cliBackends", Protected),
    ("agents.list.*.cliBackends", Protected),
    ("agents.defaults.agentDir", Protected),
    ("agents.list.*.agentDir", Protected),
    ("agents.defaults.authDir", Protected),
    ("agents.list.*.authDir", Protected),
    ("agents.defaults.authProfiles", Protected),
    ("agents.list.*.authProfiles", Protected),
    ("agents.defaults.credentialsPath", Protected),
    ("agents.list.*.credentialsPath", Protected),
    ("agents.defaults.memorySearch.store", Protected),
    ("agents.list.*.memorySearch.store", Protected),
    ("agents.defaults.memorySearch.local", Protected),
    ("agents.list.*.memorySearch.local", Protected),
    ("agents.defaults.memorySearch.extraPaths", List),
    ("agents.list.*.memorySearch.extraPaths", List),
    ("agents.defaults.memorySearch.extraPaths.*", InsidePath),
    ("agents.list.*.memorySearch.extraPaths.*", InsidePath),
    ("agents.defaults.workspace", InsidePath),
    ("agents.list.*.workspace", InsidePath),
    ("agents.defaults.repoRoot", InsidePath),
    ("agents.defaults.tools", Tools),
    ("agents.list.*.tools", Tools),
    ("agents.list.*.id", Text),
    ("channels", Open),
    ("channels.*", Open),
    ("channels.*.accounts", Open),
    ("channels.*.accounts.*", Open),
    ("messages", Open),
    ("messages.tts", Open),
    ("messages.tts.prefsPath", Protected),
    ("commands", Open),
    ("session", Open),
    ("session.store", Protected),
    ("skills", Closed),
    ("skills.entries", Open),
    ("skills.entries.*", Closed),
    ("skills.entries.*.enabled", Switch),
    ("skills.entries.*.apiKey", Any),
    ("skills.entries.*.env", Open),
    ("skills.entries.*.config", Open),
    ("cron", Closed),
    ("cron.enabled", Switch),
    ("cron.max_concurrent_runs", Count),
    ("cron.session_retention", Retention),
    ("tools", Tools),
    ("talk", Open),
    ("ui", Open),
    ("bindings", List),
    ("memory", Open),
    ("memory.qmd", Protected),
    ("memory.path", Protected),
    ("memory.store", Protected),
    ("sandbox", Closed),
    ("sandbox.memory_limit_mb", Limit),
    ("sandbox.cpu_quota", Limit),
    ("sandbox.pids", Limit),
    ("sandbox.wall_seconds", Limit),
    ("sandbox.output_bytes", Limit),
];

/// Keys of a channel, or of one account of it, that name files or programs of the host.
pub(super) const HOST_SIDE_CHANNEL_KEYS: &[&str] = &[
    "tokenFile",
    "botTokenFile",
    "appTokenFile",
    "secretFile",
    "passwordFile",
    "serviceAccountFile",
    "privateKeyFile",
    "authDir",
    "cliPath",
    "dbPath",
    "configPath",
    "mediaLocalRoots",
    "attachmentRoots",
];

/// True when a pattern of keys and `*` stands for this path.
pub(super) fn matches(pattern: &str, path: &[Segment]) -> bool {
    let mut wanted = pattern.split('.').filter(|part| !part.is_empty());
    let each = path.iter().all(|segment| match (wanted.next(), segment) {
        (Some("*"), _) => true,
        (Some(name), Segment::Key(key)) => name == key,
        _ => false,
    });
    each && wanted.next().is_none()
}

pub(super) fn rule_of(path: &KeyPath) -> Option<Rule> {
    let host_side = |key: &str| {
        HOST_SIDE_CHANNEL_KEYS.contains(&key)
            && ["channels.*.*", "channels.*.accounts.*.*"].iter().any(|pattern| matches(pattern, path.segments()))
    };
    match path.segments().last() {
        Some(Segment::Key(key)) if host_side(key) => Some(Protected),
        _ => RULES.iter().find(|(pattern, _)| matches(pattern, path.segments())).map(|(_, rule)| *rule),
    }
}
