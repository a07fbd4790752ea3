//! `agent.identity.get`: who an agent is to its users.

use crate::agent::check_agent;
use crate::session::canonical;
use crate::settings::{Agent, Identity, agent_of};
use openclaw_sdk::agents::MAIN;
use openclaw_sdk::{Call, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Of {
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    session_key: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Shown {
    agent_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<String>,
}

pub(crate) fn identity(call: &Call, params: Of) -> Result<Shown> {
    let key = params.session_key.as_deref().map(canonical).transpose()?;
    if let Some(key) = &key {
        check_agent(key, params.agent_id.as_deref())?;
    }
    let id = params.agent_id.as_deref().or(key.as_deref().map(agent_of)).unwrap_or(MAIN);
    let Agent { id, identity: Identity { name, avatar, emoji }, .. } = Agent::read(call, id)?;
    Ok(Shown { agent_id: id, name, avatar, emoji })
}
