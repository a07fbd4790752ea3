//! What the calls of models are held to: the quotas of the tenant and, where its configuration has any, those of the
//! agent that calls (`agents.list[].quotas`, the keys of a tenant's).

use std::sync::Arc;

use openclaw_billing::Limits;
use openclaw_tenancy::{Quotas, TenantRecord};
use serde_json::Value;

use crate::{CallError, call::Subject, error::Refusal, services::Services};

impl Services {
    /// The limits of a call for a tenant by one of its agents; an empty name is none. Quotas that cannot be read let
    /// nothing through.
    pub fn model_limits(&self, tenant: &Arc<TenantRecord>, agent: &str) -> Result<Limits, CallError> {
        let own = Limits { tenant: (*tenant.quotas).clone(), agent: None };
        if agent.is_empty() {
            return Ok(own);
        }
        let config = self.sound_config(&Subject::Tenant(tenant.clone()))?;
        let agents = config.config.pointer("/agents/list").and_then(Value::as_array);
        let listed = agents.into_iter().flatten().find(|listed| listed["id"] == agent);
        let Some(quotas) = listed.and_then(|listed| listed.get("quotas")) else { return Ok(own) };
        match Quotas::default().merge(quotas) {
            Ok(quotas) => Ok(Limits { agent: Some(quotas), ..own }),
            Err(error) => Err(CallError::Refused(Refusal {
                code: "INVALID_REQUEST".into(),
                message: format!("the quotas of the agent {agent:?} in this tenant's configuration: {error}"),
                data: None,
                retry_after_ms: None,
            })),
        }
    }
}
