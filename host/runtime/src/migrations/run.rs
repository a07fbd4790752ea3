//! One run of a component's `migrate`, in an instance of its own.

use std::{sync::Arc, time::Duration};

use openclaw_tenancy::{Actor, TenantRecord};
use tokio::time::timeout;
use wasmtime::Store;

use crate::{
    CallError,
    call::{CallFacts, CallState, Caller, Subject},
    capability::calls::Call,
    component::Component,
    error::{Failure, printable},
    grants::Grants,
    invoke,
    limits::Limits,
    meter::Metered,
    services::Services,
};

/// A conversion works on all documents, a call on some: it has so many times a call's time and calls into the host.
const TIMES: u32 = 10;

/// Why documents were not converted.
#[derive(Debug)]
pub(crate) enum RunError {
    /// The component said so, in these words.
    Refused(String),
    /// It trapped or broke a limit.
    Failed(Failure),
}

impl RunError {
    /// As a call that waits for the conversion fails.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Refused(message) => Failure { limit: None, reason: "migration", detail: message },
            Self::Failed(failure) => failure,
        }
    }
}

/// Has a component convert a tenant's documents.
pub(crate) async fn convert(
    component: Arc<Component>,
    grants: Arc<Grants>,
    tenant: Arc<TenantRecord>,
    replaced: Option<String>,
    request_id: Arc<str>,
    services: Arc<Services>,
) -> Result<(), RunError> {
    let Some(pre) = &component.migration else { return Ok(()) };
    let limits = Arc::new(of_migration(&component.limits));
    let facts = CallFacts {
        method: "migrate".into(),
        subject: Subject::Tenant(tenant),
        caller: Caller { actor: Actor::Gateway, scopes: Arc::default() },
        request_id,
        trace: None,
    };
    let mut state = CallState::new(facts, component.clone(), grants, services, limits.clone(), limits.wall);
    // What it did elsewhere could not be taken back.
    state.grants = Arc::new(Grants::Listed(Vec::new()));
    state.migrating = true;
    let meter = state.meter.clone();
    let mut store = Store::new(pre.engine(), state);
    CallState::limit(&mut store).map_err(|error| failed(invoke::failure(store.data(), &error)))?;
    let work = async {
        let instance = pre.instantiate_async(&mut store).await?;
        let call = store.data_mut().table.push(Call)?;
        instance.openclaw_gateway_migration().call_migrate(&mut store, call, replaced.as_deref()).await
    };
    match timeout(limits.wall, Metered::new(work, meter)).await {
        Err(_) => Err(failed(invoke::over(crate::Limit::Time, "wall time"))),
        Ok(Err(trap)) => Err(failed(invoke::failure(store.data(), &trap))),
        Ok(Ok(Err(error))) => Err(RunError::Refused(printable(&error.message))),
        Ok(Ok(Ok(()))) => Ok(()),
    }
}

fn of_migration(limits: &Limits) -> Limits {
    let wall = limits.wall.saturating_mul(TIMES).min(limits.max_wall.max(limits.wall));
    let cpu: Duration = limits.cpu.saturating_mul(TIMES);
    Limits { cpu, wall, host_calls: limits.host_calls.saturating_mul(TIMES.into()), ..limits.clone() }
}

fn failed(error: CallError) -> RunError {
    match error {
        CallError::Failed(failure) => RunError::Failed(failure),
        other => RunError::Refused(other.to_string()),
    }
}
