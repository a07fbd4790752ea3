//! One call through one instance, from its params to its result.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_config::{json, store::Snapshot};
use serde_json::Value;
use tokio::time::timeout;
use wasmtime::{Store, Trap};

use crate::{
    CallError, Failure, backtrace,
    binding::Route,
    bindings::openclaw::gateway::types,
    call::{CallFacts, CallState, Subject},
    capability::{COMPONENT_FAILED, QUOTA_EXCEEDED, calls::Call},
    error::Refusal,
    grants::Grants,
    limits::{Limit, Limits},
    meter::Metered,
    services::Services,
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

/// The call from which another is made; the client's own has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    pub(crate) depth: u8,
    pub(crate) deadline: Instant,
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

/// Runs a call in a fresh store and a fresh instance, which are gone when this returns.
pub(crate) async fn invoke(
    route: &Route,
    facts: CallFacts,
    params: Params,
    grants: Arc<Grants>,
    outer: Option<Outer>,
    services: &Arc<Services>,
) -> Result<Answer, CallError> {
    let config = sound_config(route, &facts, services)?;
    let method = route.method();
    let limits = &route.component().limits;
    let tenant = facts.subject.tenant().map(|tenant| tenant.id.clone());
    let checked = services.at_length(tenant.as_ref(), params.raw.len(), || method.params.check(&params.value)).await;
    checked.map_err(CallError::InvalidParams)?;
    let wall = wall_time(method.timeout, limits);
    let wall = outer.map_or(wall, |outer| wall.min(outer.left()));
    let mut state = CallState::new(facts, route.component().clone(), grants, services.clone(), limits.clone(), wall);
    state.config = config;
    state.depth = outer.map_or(0, Outer::inner_depth);
    if route.component().uses_wasi_files
        && let Some(tenant) = state.facts.as_ref().and_then(|facts| facts.subject.tenant())
    {
        let root = services.wasi_root(tenant, &route.component().manifest.family).await;
        state.wasi_root = Some(root.map_err(|error| {
            tracing::error!(tenant = %tenant.id, ?error, "a component's files cannot be opened");
            CallError::Unavailable {
                message: "this component's files cannot be opened".into(),
                retry_after_ms: Some(1000),
            }
        })?);
    }
    let meter = state.meter.clone();
    let mut store = Store::new(route.component().pre.engine(), state);
    CallState::limit(&mut store).map_err(|error| failure(store.data(), &error))?;
    let started = Instant::now();
    let ran = timeout(wall, Metered::new(run(route, &mut store, params.raw), meter)).await;
    if route.component().uses_wasi_files
        && let Some(tenant) = store.data().facts.as_ref().and_then(|facts| facts.subject.tenant())
    {
        services.disks.unmeasured(tenant);
    }
    if let Some(costs) = &services.costs {
        costs.push(CallState::cost(&store, started));
    }
    let answered = match ran {
        Err(_) => return Err(over(Limit::Time, "wall time")),
        Ok(Err(trap)) => return Err(failure(store.data(), &trap)),
        Ok(Ok(answered)) => answered,
    };
    let result = answered.map_err(|error| passed_on(error, store.data_mut()))?;
    let result = services.at_length(tenant.as_ref(), result.len(), || check_result(route, result, limits)).await?;
    Ok(Answer { result, delete_tenant: store.data().delete_tenant })
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
    store: &mut Store<CallState>,
    params: Vec<u8>,
) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
    let instance = route.component().pre.instantiate_async(&mut *store).await?;
    let call = store.data_mut().table.push(Call)?;
    instance.openclaw_gateway_component().call_handle(store, call, &params).await
}

pub(crate) fn wall_time(asked: Option<Duration>, limits: &Limits) -> Duration {
    asked.map_or(limits.wall, |asked| asked.min(limits.max_wall))
}

/// The answer as text, where it is what the method's schema says.
fn check_result(route: &Route, result: Vec<u8>, limits: &Limits) -> Result<String, CallError> {
    if result.len() > limits.result_bytes {
        return Err(over(Limit::ResultSize, &format!("{} bytes", result.len())));
    }
    let result = String::from_utf8(result).map_err(|error| invalid_result(format!("not JSON: {error}")))?;
    if !route.version().validates_results {
        return Ok(result);
    }
    let value =
        json::read(result.as_bytes(), json::DEPTH_MAX).map_err(|error| invalid_result(format!("not JSON: {error}")))?;
    let checked = route.method().result.check(&value);
    checked.map_err(|error| invalid_result(format!("against its schema: {error}")))?;
    Ok(result)
}

pub(crate) fn over(limit: Limit, detail: &str) -> CallError {
    CallError::Failed(Failure { limit: Some(limit), reason: "limit", detail: detail.into() })
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
