//! What the configuration says of an agent: its model, its limits, its tools and skills, and how its messages wait.
//!
//! Of two settings the agent's own (`agents.list[]`) goes before that of all agents (`agents.defaults`); a tool has to
//! be allowed by both, and by `tools`.

mod section;

use crate::lane::MOST_WAITING;
use crate::money;
use crate::session::Session;
use crate::skills::Choice;
use crate::tools::bounds::{Bounds, is_strict};
use crate::tools::policy::Policy;
use openclaw_sdk::agents::MAIN;
use openclaw_sdk::{Call, Error, Result};
use section::Section;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a run may take where the configuration says nothing.
const MODEL_CALLS: u32 = 50;
const SECONDS: u64 = 600;

/// How many messages wait for a session's agent.
const QUEUED: usize = 20;

/// Tokens that fit a model of which nobody says how many do.
pub(crate) const CONTEXT_TOKENS: u64 = 128_000;

/// An agent, ready to run.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) identity: Identity,
    /// The gateway's default where there is none.
    pub(crate) model: Option<String>,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) tools: Policy,
    pub(crate) skills: Choice,
    /// The other agents that it may give tasks to; `*` is any.
    pub(crate) allow_agents: Vec<String>,
    /// Its commands run in the stricter mode of the sandbox alone.
    pub(crate) strict_sandbox: bool,
}

/// What one run may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) model_calls: u32,
    pub(crate) time_ms: u64,
    /// Of all kinds, of all model calls together.
    pub(crate) tokens: Option<u64>,
    /// In pico-USD.
    pub(crate) cost: Option<u128>,
}

/// What is left of a run's limits, as another run keeps it that has no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Left {
    model_calls: u32,
    tokens: Option<u64>,
    cost_usd: Option<String>,
}

/// Who the agent is to its users.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
    pub(crate) emoji: Option<String>,
}

/// What a message does that comes while the agent is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// It is the next run.
    InLine,
    /// It is told the model after the tools that run.
    Steer,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) waiting: Waiting,
    pub(crate) most: usize,
}

/// The parts of `agents.defaults` and of an entry of `agents.list` that are read here.
#[derive(Debug)]
struct Entry {
    name: Option<String>,
    identity: Identity,
    model: Option<String>,
    context_tokens: Option<u64>,
    timeout_seconds: Option<u64>,
    run_limits: RunLimits,
    tools: Value,
    skills: Option<Vec<String>>,
    allow_agents: Option<Vec<String>>,
    sandbox: Option<String>,
}

#[derive(Debug)]
struct RunLimits {
    model_calls: Option<u32>,
    tokens: Option<u64>,
    cost: Option<u128>,
}

impl Entry {
    fn read(section: &Section) -> Result<Self> {
        let identity = section.section("identity")?;
        let identity =
            Identity { name: identity.text("name")?, avatar: identity.text("avatar")?, emoji: identity.text("emoji")? };
        Ok(Self {
            name: section.text("name")?,
            identity,
            model: match section.value("model") {
                Value::Object(_) => section.section("model")?.text("primary")?,
                _ => section.text("model")?,
            },
            context_tokens: section.whole("contextTokens")?,
            timeout_seconds: section.whole("timeoutSeconds")?,
            run_limits: RunLimits::read(&section.section("runLimits")?)?,
            tools: section.value("tools"),
            skills: section.texts("skills")?,
            allow_agents: section.section("subagents")?.texts("allowAgents")?,
            sandbox: section.section("sandbox")?.text("backend")?,
        })
    }
}

impl RunLimits {
    fn read(section: &Section) -> Result<Self> {
        let cost = |cost: &Value| money::parse(&cost.as_str().map_or_else(|| cost.to_string(), str::to_owned));
        Ok(Self {
            model_calls: section.whole("modelCalls")?,
            tokens: section.whole("tokens")?,
            cost: section.read("costUsd", "a decimal of at most 12 places", cost)?,
        })
    }
}

impl Agent {
    /// The agent of that id, `main` among them.
    pub(crate) fn read(call: &Call, id: &str) -> Result<Self> {
        let settings = call.config()?;
        let list: Value = settings.effective("/agents/list")?.unwrap_or_default();
        if !list.is_null() && !list.as_array().is_some_and(|list| list.iter().all(Value::is_object)) {
            return Err(Error::invalid("the configured agents.list must be a list of mappings"));
        }
        let own = Value::Object(settings.agents()?.get(id)?.clone());
        let own = Entry::read(&Section::of(format!("agent {id}"), own)?)?;
        let defaults = settings.effective("/agents/defaults")?.unwrap_or_default();
        let defaults = Entry::read(&Section::of("agents.defaults", defaults)?)?;
        let everyone: Value = settings.effective("/tools")?.unwrap_or_default();
        let entries = Section::of("skills.entries", settings.effective("/skills/entries")?.unwrap_or_default())?;
        let limits = Limits::of(&own, &defaults);
        let mut identity = own.identity;
        identity.name = identity.name.or(own.name);
        Ok(Self {
            id: id.to_owned(),
            identity,
            model: own.model.or(defaults.model),
            context_tokens: own.context_tokens.or(defaults.context_tokens),
            limits,
            tools: Policy::of([everyone, defaults.tools, own.tools]),
            skills: Choice::of(own.skills.or(defaults.skills), switched_off(&entries)?),
            allow_agents: own.allow_agents.or(defaults.allow_agents).unwrap_or_default(),
            strict_sandbox: is_strict(own.sandbox.as_deref()),
        })
    }

    /// The same within the bounds of a session that an agent spawned.
    pub(crate) fn in_session(self, session: &Session<'_>) -> Result<Self> {
        let Some(bounds) = Bounds::of(session)? else { return Ok(self) };
        let strict_sandbox = self.strict_sandbox || bounds.strict_sandbox;
        Ok(Self { tools: self.tools.within(&bounds), strict_sandbox, ..self })
    }
}

impl Limits {
    fn of(own: &Entry, defaults: &Entry) -> Self {
        let (of_own, of_all) = (&own.run_limits, &defaults.run_limits);
        Self {
            model_calls: of_own.model_calls.or(of_all.model_calls).unwrap_or(MODEL_CALLS).max(1),
            time_ms: own.timeout_seconds.or(defaults.timeout_seconds).unwrap_or(SECONDS).saturating_mul(1000),
            tokens: of_own.tokens.or(of_all.tokens),
            cost: of_own.cost.or(of_all.cost),
        }
    }

    /// Within what a run was left.
    pub(crate) fn within(self, left: &Left) -> Result<Self> {
        let cost = left.cost_usd.as_deref().map(|cost| {
            money::parse(cost).ok_or_else(|| Error::internal(format!("what is left of a run's money is {cost:?}")))
        });
        Ok(Self {
            model_calls: self.model_calls.min(left.model_calls),
            tokens: least(self.tokens, left.tokens),
            cost: least(self.cost, cost.transpose()?),
            ..self
        })
    }

    /// Half of what can be shared; of the time, all.
    pub(crate) fn half(self) -> Self {
        let (tokens, cost) = (self.tokens.map(|most| most / 2), self.cost.map(|most| most / 2));
        Self { model_calls: self.model_calls / 2, tokens, cost, ..self }
    }

    /// What is left once so much is used, or handed on.
    pub(crate) fn without(self, used: Self) -> Self {
        let tokens = self.tokens.map(|most| most.saturating_sub(used.tokens.unwrap_or_default()));
        let cost = self.cost.map(|most| most.saturating_sub(used.cost.unwrap_or_default()));
        Self { model_calls: self.model_calls.saturating_sub(used.model_calls), tokens, cost, ..self }
    }
}

impl From<Limits> for Left {
    fn from(limits: Limits) -> Self {
        let Limits { model_calls, tokens, cost, .. } = limits;
        Self { model_calls, tokens, cost_usd: cost.map(money::print) }
    }
}

/// The less of two bounds, each of which may be none.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Queue {
    /// `messages.queue`
    pub(crate) fn read(call: &Call) -> Result<Self> {
        let configured: Value = call.config()?.effective("/messages/queue")?.unwrap_or_default();
        let (mode, most) = match configured {
            Value::String(mode) => (Some(mode), None),
            configured => {
                let section = Section::of("messages.queue", configured)?;
                (section.text("mode")?, section.whole("cap")?)
            }
        };
        // The words that a configuration may say; of `followup` and `collect` each message is a run of its own.
        let waiting = match mode.as_deref() {
            Some("steer" | "steer-backlog") => Waiting::Steer,
            _ => Waiting::InLine,
        };
        Ok(Self { waiting, most: most.unwrap_or(QUEUED).clamp(1, MOST_WAITING) })
    }
}

/// The skills that `skills.entries` switches off, by their keys there.
fn switched_off(entries: &Section) -> Result<Vec<String>> {
    let mut off = Vec::new();
    for key in entries.keys() {
        if entries.section(key)?.read("enabled", "true or false", Value::as_bool)? == Some(false) {
            off.push(key.to_owned());
        }
    }
    Ok(off)
}

/// Whose session it is: its key says so, and where it does not it is the main agent's.
pub(crate) fn agent_of(session_key: &str) -> &str {
    let named = session_key.strip_prefix("agent:").and_then(|rest| rest.split(':').next());
    named.filter(|id| !id.is_empty()).unwrap_or(MAIN)
}
