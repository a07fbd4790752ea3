//! What the calls of models are held to: the quotas of the tenant and, where its configuration has any, those of the
//! agent that calls (`agents.list[].quotas`, the keys of a tenant's). What a component is granted of its own comes to
//! that in `capability/model.rs`.

use std::sync::Arc;

use openclaw_billing::Limits;
use openclaw_tenancy::{Quotas, TenantRecord};
use serde_json::Value;

use crate::{
    call::Subject,
    error::{CallError, LimitsError, Refusal},
    services::Services,
};

/// The agent that every tenant has, listed or not.
const MAIN: &str = "main";

impl Services {
    /// The limits of a call for a tenant by one of its agents; an empty name is none. Quotas that cannot be read let
    /// nothing through.
    pub fn model_limits(&self, tenant: &Arc<TenantRecord>, agent: &str) -> Result<Limits, LimitsError> {
        let own = Limits { tenant: (*tenant.quotas).clone(), ..Limits::default() };
        if agent.is_empty() {
            return Ok(own);
        }
        let config = self.sound_config(&Subject::Tenant(tenant.clone()))?;
        of_agent(&config.config, agent, own)
    }
}

fn of_agent(config: &Value, agent: &str, own: Limits) -> Result<Limits, LimitsError> {
    let agents = config.pointer("/agents/list").and_then(Value::as_array);
    let Some(listed) = agents.into_iter().flatten().find(|listed| listed["id"] == agent) else {
        return if agent == MAIN { Ok(own) } else { Err(LimitsError::NoAgent(agent.to_owned())) };
    };
    let Some(quotas) = listed.get("quotas") else { return Ok(own) };
    match Quotas::default().merge(quotas) {
        Ok(quotas) => Ok(Limits { agent: Some(quotas), ..own }),
        Err(error) => Err(LimitsError::Call(CallError::Refused(Refusal {
            code: "INVALID_REQUEST".into(),
            message: format!("the quotas of the agent {agent:?} in this tenant's configuration: {error}"),
            data: None,
            retry_after_ms: None,
        }))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_that_nobody_has_is_refused_by_name() {
        let config =
            json!({ "agents": { "list": [{ "id": "night", "quotas": { "tokens_per_day": 5 } }, { "id": "day" }] } });
        let of = |agent| of_agent(&config, agent, Limits::default());
        assert_eq!(of("night").expect("it is listed").agent.and_then(|quotas| quotas.tokens_per_day), Some(5));
        assert!(of("day").expect("it is listed").agent.is_none());
        assert!(of(MAIN).is_ok() && of_agent(&json!({}), MAIN, Limits::default()).is_ok());
        let refused = of("made-up").expect_err("there is none").to_string();
        assert_eq!(refused, "there is no agent \"made-up\"");
    }
}
