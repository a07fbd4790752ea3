//! Whether the tenant's side of the gateway works, in one answer.

use openclaw_sdk::agents::{Agents, Entry, id};
use openclaw_sdk::documents::{Document, Order, Range, SharedCollection};
use openclaw_sdk::{Call, Result, monotonic_ms, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The health of the tenant's side of the gateway.
#[openclaw_sdk::handler(family = "health", shared_documents("sessions/sessions"))]
mod handler {
    use super::*;

    /// Channels, agents and sessions of the tenant at a glance.
    #[method(scope = read, name = "health", tier = core)]
    fn health(call: &Call, _: Params) -> Result<Health> {
        let started = monotonic_ms();
        let now = now_ms();
        let settings = call.config()?;
        let config = settings.agents()?;
        let defaults: AgentConfig = settings.effective("/agents/defaults")?.unwrap_or_default();
        let stored = Store { collection: call.shared_documents("sessions", "sessions")?, now };
        let sessions = stored.sessions("")?;
        let agents = agents(&stored, &config, &defaults, &sessions)?;
        Ok(Health {
            ok: true,
            ts: now,
            channels: Map::new(),
            channel_order: Vec::new(),
            channel_labels: Map::new(),
            heartbeat_seconds: agents
                .iter()
                .filter_map(|agent| agent.heartbeat.every_ms)
                .min()
                .map_or(0, |milliseconds| milliseconds / 1000),
            sessions,
            default_agent_id: config.default_id().to_owned(),
            agents,
            duration_ms: monotonic_ms() - started,
        })
    }
}

const RECENT: u32 = 5;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Asks the channels' services too, once there are channels.
    #[serde(default, rename = "probe")]
    _probe: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Health {
    ok: bool,
    /// Unix milliseconds.
    ts: u64,
    duration_ms: f64,
    channels: Map<String, Value>,
    channel_order: Vec<String>,
    channel_labels: Map<String, Value>,
    /// 0 when no agent has a heartbeat.
    heartbeat_seconds: u64,
    default_agent_id: String,
    agents: Vec<Agent>,
    sessions: Sessions,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Agent {
    agent_id: String,
    /// Its id where it was given no name.
    name: String,
    is_default: bool,
    heartbeat: Heartbeat,
    sessions: Sessions,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Heartbeat {
    enabled: bool,
    /// As in `30m`; `disabled` when there is none.
    every: String,
    every_ms: Option<u64>,
}

#[derive(Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sessions {
    /// Relative to the tenant's directory.
    path: String,
    count: u64,
    recent: Vec<Recent>,
}

#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Recent {
    key: String,
    /// Unix milliseconds.
    updated_at: i64,
    /// Milliseconds since then.
    age: i64,
}

/// What is looked at of an agent's configuration, and of all agents'.
#[derive(Default, Deserialize)]
struct AgentConfig {
    name: Option<String>,
    heartbeat: Option<HeartbeatConfig>,
}

#[derive(Clone, Deserialize)]
struct HeartbeatConfig {
    every: Option<String>,
}

/// The agents in force, each with its own sessions.
fn agents(stored: &Store, config: &Agents, defaults: &AgentConfig, all: &Sessions) -> Result<Vec<Agent>> {
    let default = config.default_id();
    let shown = |entry: &Entry| {
        let agent_id = id(entry).to_owned();
        let AgentConfig { name, heartbeat } = AgentConfig::deserialize(entry)?;
        Ok(Agent {
            is_default: agent_id == default,
            heartbeat: heartbeat_of(heartbeat.or_else(|| defaults.heartbeat.clone())),
            sessions: stored.sessions_of(&agent_id, all)?,
            name: name.unwrap_or_else(|| agent_id.clone()),
            agent_id,
        })
    };
    config.entries().iter().map(shown).collect()
}

/// Off unless an interval is configured.
fn heartbeat_of(config: Option<HeartbeatConfig>) -> Heartbeat {
    let every = config.and_then(|heartbeat| heartbeat.every);
    let every_ms = every.as_deref().and_then(milliseconds).filter(|&ms| ms > 0);
    Heartbeat {
        enabled: every_ms.is_some(),
        every: every.filter(|_| every_ms.is_some()).unwrap_or_else(|| "disabled".into()),
        every_ms,
    }
}

/// A duration as OpenClaw writes it: a number with `ms`, `s`, `m`, `h` or `d`,
/// minutes where there is no unit.
fn milliseconds(duration: &str) -> Option<u64> {
    let duration = duration.trim();
    let digits = duration.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = duration.split_at(digits);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "" | "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The tenant's sessions as the family `sessions` keeps them.
struct Store {
    collection: SharedCollection,
    /// Unix milliseconds.
    now: u64,
}

impl Store {
    fn sessions_of(&self, agent_id: &str, all: &Sessions) -> Result<Sessions> {
        let prefix = format!("agent:{agent_id}:");
        let count = self.collection.count(&prefix)?;
        if count == all.count {
            return Ok(all.clone());
        }
        self.with_recent(&prefix, count)
    }

    /// How many sessions have keys with this prefix, and the newest of them.
    fn sessions(&self, prefix: &str) -> Result<Sessions> {
        self.with_recent(prefix, self.collection.count(prefix)?)
    }

    fn with_recent(&self, prefix: &str, count: u64) -> Result<Sessions> {
        let recent = if count == 0 {
            Vec::new()
        } else {
            let newest = Range::first(RECENT, Order::RankDescending).with_prefix(prefix);
            self.collection.scan(&newest)?.documents
        };
        Ok(Sessions {
            path: "sessions".into(),
            count,
            recent: recent.into_iter().map(|document| self.recent(document)).collect(),
        })
    }

    fn recent(&self, document: Document) -> Recent {
        Recent {
            age: self.now.cast_signed().saturating_sub(document.rank),
            key: document.key,
            updated_at: document.rank,
        }
    }
}

#[cfg(test)]
mod tests;
