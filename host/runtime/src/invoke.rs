//! One call through one instance, from its params to its result.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_config::{json, store::Snapshot};
use openclaw_tenancy::TenantId;
use serde_json::Value;
use tokio::{sync::Notify, time::timeout};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, component::Resource};

use crate::{
    CallError, Failure, backtrace,
    binding::{Origin, Route},
    bindings::{Gateway, openclaw::gateway::types},
    call::{CallFacts, CallState, Subject},
    capability::{COMPONENT_FAILED, QUOTA_EXCEEDED, calls::Call},
    component::Component,
    error::Refusal,
    grants::Grants,
    limits::{Limit, Limits},
    manifest::Schema,
    meter::Metered,
    plugins::Plugins,
    services::Services,
    sticky::{Kept, Owner, Sticky},
    tasks::Claim,
};

/// Params in both forms: parsed for the schema, raw for the guest.
#[derive(Debug)]
pub struct Params {
    /// A JSON object.
    pub value: Value,
    /// The same, as the client sent it: numbers keep their digits.
    pub raw: Vec<u8>,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// JSON, as the component answered it.
    pub(crate) result: String,
    /// The tenant asked to be deleted by this call.
    pub(crate) delete_tenant: bool,
}

/// How a call came about.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Somebody waits for it.
    Alone,
    /// Another call waits for it.
    Inside(Outer),
    /// Nobody waits for it: it has this claim of the call that started it, and ends by the claim's signal.
    Apart { ends: Arc<Notify>, claim: Option<Claim> },
}

impl Begun {
    /// The call that waits for it.
    pub(crate) fn outer(&self) -> Option<Outer> {
        match self {
            Self::Inside(outer) => Some(*outer),
            Self::Alone | Self::Apart { .. } => None,
        }
    }
}

/// The call from which another is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    pub(crate) depth: u8,
    pub(crate) deadline: Instant,
    pub(crate) is_task: bool,
}

impl Outer {
    /// How deep the inner call is.
    pub(crate) fn inner_depth(self) -> u8 {
        self.depth + 1
    }

    /// What is left of the outer call's time.
    pub(crate) fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Runs a call in a fresh store and a fresh instance, which are gone when this returns; where the binding is
/// granted so, they serve its tenant's next call.
pub(crate) async fn invoke(
    route: &Route,
    facts: CallFacts,
    params: Params,
    grants: Arc<Grants>,
    begun: Begun,
    plugins: &Plugins,
) -> Result<Answer, CallError> {
    let services = plugins.services();
    let outer = begun.outer();
    let config = sound_config(route, &facts, services)?;
    let method = route.method();
    let limits = &route.component().limits;
    let tenant = facts.subject.tenant().map(|tenant| tenant.id.clone());
    let checked = fits(route, &method.params, &params.value, params.raw.len(), tenant.as_ref(), services).await;
    checked.map_err(CallError::InvalidParams)?;
    let wall = wall_time(method.timeout, limits);
    let wall = outer.map_or(wall, |outer| wall.min(outer.left()));
    let most = grants.sticky();
    let owner = facts.subject.tenant().filter(|_| most > 0).map(|tenant| Owner::new(tenant, route.version()));
    let mut state = CallState::new(facts, route.component().clone(), grants, services.clone(), limits.clone(), wall);
    state.config = config;
    state.depth = outer.map_or(0, Outer::inner_depth);
    state.is_task = outer.map_or(matches!(begun, Begun::Apart { .. }), |outer| outer.is_task);
    if let Begun::Apart { ends, claim } = begun {
        (state.ends, state.inherited) = (ends, claim);
    }
    let ends = state.ends.clone();
    if route.component().uses_wasi_files
        && let Some(tenant) = state.facts.as_ref().and_then(|facts| facts.subject.tenant())
    {
        let root = services.files(tenant, &route.component().manifest.family).await;
        state.wasi_root = Some(root.map_err(|error| {
            tracing::error!(tenant = %tenant.id, ?error, "a component's files cannot be opened");
            CallError::Unavailable {
                message: "this component's files cannot be opened".into(),
                retry_after_ms: Some(1000),
            }
        })?);
    }
    let meter = state.meter.clone();
    let sticky = plugins.sticky();
    let mut kept = match owner.as_ref().and_then(|owner| sticky.take(owner, &state)) {
        Some(mut kept) => {
            kept.store.data_mut().renew(state);
            kept
        }
        None => Kept::fresh(Store::new(route.component().pre.engine(), state)),
    };
    CallState::limit(&mut kept.store).map_err(|error| failure(kept.store.data(), &error))?;
    let started = Instant::now();
    let running = timeout(wall, Metered::new(run(route, &mut kept, params.raw, sticky), meter));
    let ran = tokio::select! {
        biased;
        ran = running => ran,
        () = ends.notified() => return Err(ended()),
    };
    let store = &mut kept.store;
    // Others may have the names, though an instance that stays keeps its handles.
    store.data_mut().claims.clear();
    if let Some(costs) = &services.costs {
        costs.push(CallState::cost(store, started));
    }
    let answered = match ran {
        Err(_) => return Err(over(Limit::Time, "wall time")),
        Ok(Err(trap)) => return Err(failure(store.data(), &trap)),
        Ok(Ok(answered)) => answered,
    };
    let answered = answered.map_err(|error| passed_on(error, store.data_mut()));
    let delete_tenant = store.data().delete_tenant;
    let result = match answered {
        Ok(result) => check_result(route, result, tenant.as_ref(), services).await,
        Err(refused) => Err(refused),
    };
    if let Some(owner) = owner
        && !matches!(result, Err(CallError::Failed(_)))
    {
        sticky.leave(owner, most, kept, route.component().pool);
    }
    Ok(Answer { result: result?, delete_tenant })
}

/// The tenant's configuration. A damaged overlay stops its calls by name, except those that mend or remove it.
fn sound_config(route: &Route, facts: &CallFacts, services: &Services) -> Result<Option<Arc<Snapshot>>, CallError> {
    let mends = matches!(route.component().manifest.family.as_str(), "config" | "tenants");
    match &facts.subject {
        Subject::Tenant(_) if !mends => services.sound_config(&facts.subject).map(Some),
        _ => Ok(None),
    }
}

async fn run(
    route: &Route,
    kept: &mut Kept,
    params: Vec<u8>,
    sticky: &Sticky,
) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
    let Kept { store, instance, .. } = kept;
    let instance = match instance {
        Some(instance) => instance,
        None => instance.insert(instantiate(route.component(), store, sticky).await?),
    };
    let call = store.data_mut().table.push(Call)?;
    let lent = Resource::new_borrow(call.rep());
    let answered = instance.openclaw_gateway_component().call_handle(&mut *store, lent, &params).await;
    store.data_mut().table.delete(call)?;
    answered
}

/// An instance in a free slot, or in one where another waits for its next call.
async fn instantiate(
    component: &Component,
    store: &mut Store<CallState>,
    sticky: &Sticky,
) -> wasmtime::Result<Gateway> {
    loop {
        let instance = component.pre.instantiate_async(&mut *store).await;
        let full = instance.as_ref().is_err_and(wasmtime::Error::is::<PoolConcurrencyLimitError>);
        if !(full && sticky.give_way(component.pool)) {
            return instance;
        }
    }
}

pub(crate) fn wall_time(asked: Option<Duration>, limits: &Limits) -> Duration {
    asked.map_or(limits.wall, |asked| asked.min(limits.max_wall))
}

/// The answer as text, where it is what the method's schema says.
async fn check_result(
    route: &Route,
    result: Vec<u8>,
    tenant: Option<&TenantId>,
    services: &Services,
) -> Result<String, CallError> {
    let bytes = result.len();
    if bytes > route.component().limits.result_bytes {
        return Err(over(Limit::ResultSize, &format!("{bytes} bytes")));
    }
    let is_checked = route.version().validates_results;
    let (result, value) = services.at_length(tenant, bytes, || read_result(result, is_checked)).await?;
    if let Some(value) = value {
        let checked = fits(route, &route.method().result, &value, bytes, tenant, services).await;
        checked.map_err(|error| invalid_result(format!("against its schema: {error}")))?;
    }
    Ok(result)
}

/// The answer as text and, where it is to be checked, as a value.
fn read_result(result: Vec<u8>, is_checked: bool) -> Result<(String, Option<Value>), CallError> {
    let result = String::from_utf8(result).map_err(|error| invalid_result(format!("not JSON: {error}")))?;
    if !is_checked {
        return Ok((result, None));
    }
    let value =
        json::read(result.as_bytes(), json::DEPTH_MAX).map_err(|error| invalid_result(format!("not JSON: {error}")))?;
    Ok((result, Some(value)))
}

/// Checks a value of so many bytes by a schema of the route's component. A schema that did not come with the gateway
/// may make much of few bytes: what is not short by it waits for the lane of long calls, or is refused.
async fn fits(
    route: &Route,
    schema: &Schema,
    value: &Value,
    bytes: usize,
    tenant: Option<&TenantId>,
    services: &Services,
) -> Result<(), String> {
    if route.version().origin == Origin::Builtin || schema.is_short(value) {
        return services.at_length(tenant, bytes, || schema.check(value)).await;
    }
    services.at_length(tenant, usize::MAX, || schema.check_long(value)).await
}

pub(crate) fn over(limit: Limit, detail: &str) -> CallError {
    CallError::Failed(Failure { limit: Some(limit), reason: "limit", detail: detail.into() })
}

/// Another call of the family has ended this one.
fn ended() -> CallError {
    CallError::Unavailable { message: "the call was ended".into(), retry_after_ms: None }
}

fn invalid_result(detail: String) -> CallError {
    CallError::Failed(Failure { limit: None, reason: "invalid-result", detail })
}

/// Names the limit behind a trap, where it was one.
pub(crate) fn failure(state: &CallState, trap: &wasmtime::Error) -> CallError {
    let limit = state
        .breach
        .or_else(|| trap.downcast_ref::<Limit>().copied())
        .or_else(|| matches!(trap.downcast_ref::<Trap>(), Some(Trap::StackOverflow)).then_some(Limit::Stack))
        .or_else(|| state.memory.refused.then_some(Limit::Memory))
        // wasmtime keeps this error's type to itself.
        .or_else(|| trap.root_cause().to_string().contains("fuel allocated for hostcalls").then(|| state.oversized()));
    let reason = if limit.is_some() { "limit" } else { "trap" };
    CallError::Failed(Failure { limit, reason, detail: backtrace::describe(trap) })
}

/// A refusal as the handler answered it; one that a capability gave first, with all that the host knows of it.
fn passed_on(error: types::Error, state: &mut CallState) -> CallError {
    match error.code.as_str() {
        QUOTA_EXCEEDED => state.over_quota.take().map_or_else(|| refusal(error), CallError::Quota),
        COMPONENT_FAILED => state.inner_failure.take().map_or_else(|| refusal(error), CallError::InnerFailed),
        _ => refusal(error),
    }
}

fn refusal(error: types::Error) -> CallError {
    let known = ["INVALID_REQUEST", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "UNAVAILABLE"];
    let code = if known.contains(&error.code.as_str()) { error.code } else { "INTERNAL".into() };
    let data = error.data.and_then(|data| match json::read(data.as_bytes(), json::DEPTH_MAX) {
        Ok(Value::Object(data)) => Some(data),
        _ => None,
    });
    CallError::Refused(Refusal { code, message: printable(&error.message), data, retry_after_ms: error.retry_after_ms })
}

/// A guest's words reach people's terminals: no control characters, no endless lines.
pub(crate) fn printable(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}
