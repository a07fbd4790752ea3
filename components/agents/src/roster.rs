//! The list of agents in the configuration.
//!
//! Shown is the list in force. Changed is only the tenant's own: what the
//! gateway gives all tenants is never copied into it. A list of the tenant
//! stands in the place of the gateway's, as with every list of an overlay.

use openclaw_sdk::agents::{Entry, id};
use openclaw_sdk::config::Settings;
use openclaw_sdk::{Call, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: usize = 5;

/// The tenant's own lists, as they stand in its overlay.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) agents: Vec<Entry>,
    pub(crate) bindings: Vec<Value>,
}

/// The configuration as a change begins from it.
#[derive(Deserialize)]
struct Snapshot {
    parsed: Value,
    valid: bool,
    hash: Option<String>,
}

/// Refuses an agent that is in force and not in the tenant's own list.
pub(crate) fn check_own(settings: &Settings, wanted: &str) -> Result<()> {
    let snapshot = snapshot(settings)?;
    Own::of(&snapshot.parsed).own_agent(wanted).map(drop)
}

fn snapshot(settings: &Settings) -> Result<Snapshot> {
    let snapshot: Snapshot = settings.snapshot()?;
    match snapshot.valid {
        true => Ok(snapshot),
        false => Err(Error::unavailable("the configuration is not valid: see config.get", None)),
    }
}

/// Reads the tenant's own lists, changes them and writes what is different;
/// begins again when somebody else was faster.
pub(crate) fn change<T>(call: &Call, mut change: impl FnMut(&mut Own) -> Result<T>) -> Result<T> {
    if call.tenant().is_none() {
        return Err(Error::invalid("an agent is a tenant's: name the tenant (header X-OpenClaw-Tenant, or --tenant)"));
    }
    let settings = call.config()?;
    let editor = call.config_write()?;
    let mut attempt = 1;
    loop {
        let snapshot = snapshot(&settings)?;
        let mut own = Own::of(&snapshot.parsed);
        let answer = change(&mut own)?;
        let patch = own.patch(&snapshot.parsed).to_string();
        match editor.patch::<Value>(&patch, snapshot.hash.as_deref()) {
            Ok(_) => return Ok(answer),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

impl Own {
    fn of(overlay: &Value) -> Self {
        let list = |pointer| overlay.pointer(pointer).and_then(Value::as_array).cloned();
        let agents = list("/agents/list").unwrap_or_default();
        Self {
            agents: agents
                .into_iter()
                .filter_map(|agent| match agent {
                    Value::Object(entry) => Some(entry),
                    _ => None,
                })
                .collect(),
            bindings: list("/bindings").unwrap_or_default(),
        }
    }

    /// The tenant's own entry of an agent.
    pub(crate) fn agent(&mut self, wanted: &str) -> Option<&mut Entry> {
        self.agents.iter_mut().find(|agent| id(agent) == wanted)
    }

    /// The same, or the refusal where the gateway gives the agent.
    pub(crate) fn own_agent(&mut self, wanted: &str) -> Result<&mut Entry> {
        let not_own =
            || Error::forbidden(format!("the agent {wanted} comes from the gateway and cannot be changed here"));
        self.agent(wanted).ok_or_else(not_own)
    }

    /// What differs from the overlay, as a merge patch. An empty list is no
    /// list: the gateway's is in force again.
    fn patch(self, overlay: &Value) -> Value {
        let list = |values: Vec<Value>| match values.is_empty() {
            true => Value::Null,
            false => Value::Array(values),
        };
        let before = |pointer| overlay.pointer(pointer).cloned().unwrap_or(Value::Null);
        let agents = list(self.agents.into_iter().map(Value::Object).collect());
        let bindings = list(self.bindings);
        let mut patch = json!({});
        if agents != before("/agents/list") {
            patch["agents"] = json!({"list": agents});
        }
        if bindings != before("/bindings") {
            patch["bindings"] = bindings;
        }
        patch
    }
}

#[cfg(test)]
mod tests;
