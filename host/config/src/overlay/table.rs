//! The allow list itself, and what it says of a place.
//!
//! `*` stands for any key or index. A name goes before a `*`.

use std::sync::LazyLock;

use super::host_names::{reaches_host, steers_loader};
use super::pattern::{Matching, Patterns};
use crate::path::{KeyPath, Segment};

/// What may stand at the paths of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    /// An object with the keys of further rows, no others.
    Closed,
    /// An object of any keys but those that reach the host, and but for further rows.
    Open,
    /// A list of anything, but for further rows.
    List,
    /// The list of agents: what the gateway says of an agent's id binds the tenant's too.
    Agents,
    /// What stands below an open row without one of its own: any value, keys as there.
    Unlisted,
    /// Any value. Its keys mean nothing to the gateway.
    Any,
    /// Environment variables of a sandboxed program.
    Variables,
    Text,
    Switch,
    /// A whole number from 1.
    Count,
    /// `24h`, `7d`, `off`.
    Retention,
    /// A path inside the workspace.
    InsidePath,
    /// A web address, inline data, or a path inside the workspace.
    Picture,
    /// A sandbox limit: a number above 0, not above the gateway's.
    Limit,
    /// A mode of the sandbox, not less strict than those of the levels above.
    Mode,
    /// What an agent's calls of models may come to: the keys of a tenant's quotas.
    Quotas,
    /// An object with the keys of further rows, no others, in the gateway's file as well.
    Settings,
    /// A whole number from 0.
    Whole,
    /// An amount of US dollars.
    Usd,
    /// An open object, or a mode of the queue alone.
    Queue,
    /// What becomes of a message that comes while its session's agent is at work: a word that the family `chat` knows.
    QueueMode,
    Texts,
    /// A tool policy that only narrows.
    Tools,
    /// An object of such policies.
    Policies,
    /// The operator's alone.
    Protected,
}

use Rule::{
    Agents, Any, Closed, Count, InsidePath, Limit, List, Mode, Open, Picture, Policies, Protected, Queue, QueueMode,
    Quotas, Retention, Settings, Switch, Text, Texts, Tools, Unlisted, Usd, Variables, Whole,
};

const ROWS: &[(&str, Rule)] = &[
    ("", Closed),
    ("agents", Closed),
    ("agents.defaults", Open),
    ("agents.list", Agents),
    ("agents.list.*", Open),
    ("agents.list.*.id", Text),
    ("agents.list.*.quotas", Quotas),
    ("channels", Open),
    ("channels.*", Open),
    ("channels.*.accounts", Open),
    ("channels.*.accounts.*", Open),
    // Feishu's switches, no tool policy.
    ("channels.feishu.tools", Open),
    ("channels.feishu.accounts.*.tools", Open),
    ("messages", Open),
    ("messages.queue", Queue),
    ("messages.queue.mode", QueueMode),
    ("messages.queue.cap", Whole),
    ("messages.tts", Open),
    ("messages.tts.prefsPath", Protected),
    ("commands", Open),
    ("session", Open),
    ("session.store", Protected),
    ("skills", Closed),
    ("skills.entries", Open),
    ("skills.entries.*", Settings),
    ("skills.entries.*.enabled", Switch),
    ("skills.entries.*.apiKey", Unlisted),
    ("skills.entries.*.env", Variables),
    // Read by the skill alone, in its sandbox.
    ("skills.entries.*.config", Any),
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
    ("sandbox.mode", Mode),
    ("sandbox.memory_limit_mb", Limit),
    ("sandbox.cpu_quota", Limit),
    ("sandbox.pids", Limit),
    ("sandbox.wall_seconds", Limit),
    ("sandbox.output_bytes", Limit),
];

/// Rows of each agent, and of `agents.defaults`.
const AGENT_ROWS: &[(&str, Rule)] = &[
    // How an agent is confined is the operator's, but that it may be confined better.
    ("sandbox", Closed),
    ("sandbox.backend", Mode),
    // What runs on the host for it, and where its credentials lie.
    ("cliBackends", Protected),
    ("agentDir", Protected),
    ("authDir", Protected),
    ("authProfiles", Protected),
    ("credentialsPath", Protected),
    ("memorySearch.store", Protected),
    ("memorySearch.local", Protected),
    ("memorySearch.extraPaths", List),
    ("memorySearch.extraPaths.*", InsidePath),
    ("workspace", InsidePath),
    ("repoRoot", InsidePath),
    ("identity.avatar", Picture),
    ("tools", Tools),
    ("skills", Texts),
    // What every run reads: of the wrong kind, they would fail each, or bound none.
    ("contextTokens", Whole),
    ("timeoutSeconds", Whole),
    ("runLimits", Settings),
    ("runLimits.modelCalls", Whole),
    ("runLimits.tokens", Whole),
    ("runLimits.costUsd", Usd),
    ("subagents", Open),
    ("subagents.allowAgents", Texts),
    // Of which tools old results are dropped from the context.
    ("contextPruning.tools", Open),
];

/// Rows of a channel, and of each account of it.
const CHANNEL_ROWS: &[(&str, Rule)] = &[
    // Files and programs of the host. Their names would give them away; listed, they can be told.
    ("tokenFile", Protected),
    ("botTokenFile", Protected),
    ("appTokenFile", Protected),
    ("secretFile", Protected),
    ("passwordFile", Protected),
    ("nickserv.passwordFile", Protected),
    ("serviceAccountFile", Protected),
    ("privateKeyFile", Protected),
    ("authDir", Protected),
    ("cliPath", Protected),
    ("dbPath", Protected),
    ("configPath", Protected),
    ("mediaLocalRoots", Protected),
    ("attachmentRoots", Protected),
    // What only sounds like it.
    ("webhook.path", Text),
    ("customCommands.*.command", Text),
];

static TABLE: LazyLock<Patterns<Rule>> = LazyLock::new(|| Patterns::of(rows()));

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = (String, Rule)> {
    let below = |prefixes: [&'static str; 2], rows: &'static [(&'static str, Rule)]| {
        let each = move |prefix| rows.iter().map(move |(pattern, rule)| (format!("{prefix}.{pattern}"), *rule));
        prefixes.into_iter().flat_map(each)
    };
    let agents = below(["agents.defaults", "agents.list.*"], AGENT_ROWS);
    let channels = below(["channels.*", "channels.*.accounts.*"], CHANNEL_ROWS);
    ROWS.iter().map(|(pattern, rule)| ((*pattern).to_owned(), *rule)).chain(agents).chain(channels)
}

/// A place of an overlay, as the table sees it.
pub(super) struct Spot {
    rows: Matching<'static, Rule>,
    rule: Option<Rule>,
}

impl Spot {
    /// The overlay as a whole.
    pub(super) fn root() -> Self {
        let rows = TABLE.root();
        let rule = rows.here().copied();
        Self { rows, rule }
    }

    pub(super) fn at(path: &KeyPath) -> Self {
        path.segments().iter().fold(Self::root(), |spot, segment| spot.child(segment))
    }

    /// One step further.
    pub(super) fn child(&self, segment: &Segment) -> Self {
        let rows = self.rows.step(segment);
        let rule = rows.here().copied().or_else(|| self.unlisted(segment));
        Self { rows, rule }
    }

    /// What may stand here; `None` for nothing, as nobody knows the key.
    pub(super) fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// The rule of a child without a row.
    fn unlisted(&self, segment: &Segment) -> Option<Rule> {
        match (self.rule?, segment) {
            (Any | Quotas, _) => Some(Any),
            (Policies, _) => Some(Tools),
            (Variables, Segment::Key(name)) => Some(if steers_loader(name) { Protected } else { Any }),
            (Open | Queue | List | Agents | Unlisted, Segment::Index(_)) => Some(Unlisted),
            (Open | Queue | List | Agents | Unlisted, Segment::Key(key)) => Some(by_name(key)),
            _ => None,
        }
    }

    /// The names that the table has right below for an overlay.
    pub(super) fn allowed_names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.names().filter(|(_, rule)| rule.is_some_and(|rule| *rule != Protected)).map(|(name, _)| name)
    }
}

/// What a key below an open row means, wherever it stands.
fn by_name(key: &str) -> Rule {
    match key {
        "tools" => Tools,
        "toolsBySender" => Policies,
        "workspace" => InsidePath,
        "avatar" => Picture,
        key if reaches_host(key) => Protected,
        _ => Unlisted,
    }
}
