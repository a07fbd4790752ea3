//! What the configuration says of an agent: its model, its limits, its tools, and how its messages wait.
//!
//! Of two settings the agent's own (`agents.list[]`) goes before that of all agents (`agents.defaults`); a tool has to
//! be allowed by both, and by `tools`.

use crate::money;
use crate::tools::Policy;
use openclaw_sdk::{Call, Error, Result};
use serde::Deserialize;
use serde_json::Value;

/// The agent that every tenant has.
pub(crate) const MAIN: &str = "main";

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

/// Who the agent is to its users.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
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
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    id: String,
    name: Option<String>,
    identity: Identity,
    model: Option<Model>,
    context_tokens: Option<u64>,
    timeout_seconds: Option<u64>,
    run_limits: RunLimits,
    tools: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RunLimits {
    model_calls: Option<u32>,
    tokens: Option<u64>,
    cost_usd: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Model {
    Name(String),
    Of { primary: Option<String> },
}

impl Model {
    fn name(self) -> Option<String> {
        match self {
            Self::Name(name) => Some(name),
            Self::Of { primary } => primary,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Agents {
    defaults: Entry,
    list: Vec<Entry>,
}

impl Agent {
    /// The agent of that id, `main` among them.
    pub(crate) fn read(call: &Call, id: &str) -> Result<Self> {
        let settings = call.config()?;
        let agents: Agents = settings.effective("/agents")?.unwrap_or_default();
        let own = agents.list.into_iter().find(|agent| agent.id == id);
        if own.is_none() && id != MAIN {
            return Err(Error::not_found(format!("there is no agent {id}")));
        }
        let (own, defaults) = (own.unwrap_or_default(), agents.defaults);
        let everyone: Value = settings.effective("/tools")?.unwrap_or_default();
        let limits = Limits::of(&own, &defaults)?;
        let mut identity = own.identity;
        identity.name = identity.name.or(own.name);
        Ok(Self {
            id: id.to_owned(),
            identity,
            model: own.model.and_then(Model::name).or(defaults.model.and_then(Model::name)),
            context_tokens: own.context_tokens.or(defaults.context_tokens),
            limits,
            tools: Policy::of([&everyone, &defaults.tools, &own.tools]),
        })
    }
}

impl Limits {
    fn of(own: &Entry, defaults: &Entry) -> Result<Self> {
        let (of_own, of_all) = (&own.run_limits, &defaults.run_limits);
        let cost = of_own.cost_usd.as_ref().or(of_all.cost_usd.as_ref()).filter(|cost| !cost.is_null());
        let cost = cost.map(|cost| {
            let text = cost.as_str().map_or_else(|| cost.to_string(), str::to_owned);
            let unreadable = || Error::invalid(format!("the configured costUsd {text:?} is no decimal of 12 places"));
            money::parse(&text).ok_or_else(unreadable)
        });
        Ok(Self {
            model_calls: of_own.model_calls.or(of_all.model_calls).unwrap_or(MODEL_CALLS).max(1),
            time_ms: own.timeout_seconds.or(defaults.timeout_seconds).unwrap_or(SECONDS).saturating_mul(1000),
            tokens: of_own.tokens.or(of_all.tokens),
            cost: cost.transpose()?,
        })
    }
}

impl Queue {
    /// `messages.queue`
    pub(crate) fn read(call: &Call) -> Result<Self> {
        let configured: Value = call.config()?.effective("/messages/queue")?.unwrap_or_default();
        let mode = configured["mode"].as_str().or(configured.as_str()).unwrap_or_default();
        let most = configured["cap"].as_u64().and_then(|cap| usize::try_from(cap).ok());
        let waiting = if mode.starts_with("steer") { Waiting::Steer } else { Waiting::InLine };
        Ok(Self { waiting, most: most.unwrap_or(QUEUED).clamp(1, 1000) })
    }
}

/// Whose session it is: its key says so, and where it does not it is the main agent's.
pub(crate) fn agent_of(session_key: &str) -> &str {
    let named = session_key.strip_prefix("agent:").and_then(|rest| rest.split(':').next());
    named.filter(|id| !id.is_empty()).unwrap_or(MAIN)
}
