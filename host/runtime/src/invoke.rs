//! One call through one instance, from its params to its result.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_config::{json, store::Snapshot};
use openclaw_tenancy::TenantId;
use serde_json::Value;
use tokio::{sync::Notify, time::timeout_at};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, component::Resource};

use crate::{
    CallError, Failure, backtrace,
    binding::{Origin, Route},
    bindings::{Gateway, openclaw::gateway::types},
    call::{CallFacts, CallState, Subject, Turn},
    capability::calls::Call,
    claims::Claim,
    component::Component,
    error::{COMPONENT_FAILED, CapabilityError, QUOTA_EXCEEDED, Refusal, printable},
    grants::Grants,
    limits::{Limit, Limits},
    long_calls::Listed,
    manifest::Schema,
    meter::Metered,
    plugins::Plugins,
    services::Services,
    sticky::{Kept, Owner, Sticky},
};

/// Params in both forms: parsed for the schema, raw for the guest.
#[derive(Debug)]
pub struct Params {
    /// A JSON object.
    pub value: Value,
    /// The same, as the client sent it: numbers keep their digits.
    pub raw: Vec<u8>,
}

impl Params {
    /// As a component sends them with a call of its own.
    pub(crate) fn read(raw: Vec<u8>) -> Result<Self, CapabilityError> {
        match json::read(&raw, json::DEPTH_MAX) {
            Ok(value @ Value::Object(_)) => Ok(Self { value, raw }),
            Ok(_) => Err(CapabilityError::invalid("parameters are a JSON object")),
            Err(error) => Err(CapabilityError::invalid(format!("parameters are a JSON object: {error}"))),
        }
    }
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
pub(crate) enum CallKind {
    /// Somebody waits for it.
    Alone,
    /// Another call waits for it.
    Inside(Outer),
    /// Nobody waits for it: it has this claim of the call that started it, and ends by the claim's signal.
    Apart { ends: Arc<Notify>, claim: Option<Claim> },
}

impl CallKind {
    /// The call that waits for it.
    pub(crate) fn outer(&self) -> Option<&Outer> {
        match self {
            Self::Inside(outer) => Some(outer),
            Self::Alone | Self::Apart { .. } => None,
        }
    }
}

/// The call from which another is made.
#[derive(Debug)]
pub(crate) struct Outer {
    pub(crate) depth: u8,
    pub(crate) deadline: Instant,
    pub(crate) is_task: bool,
    pub(crate) turn: Option<Turn>,
}

impl Outer {
    /// How deep the inner call is.
    pub(crate) fn inner_depth(&self) -> u8 {
        self.depth + 1
    }

    /// What is left of the outer call's time.
    pub(crate) fn left(&self) -> Duration {
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
    kind: CallKind,
    plugins: &Plugins,
) -> Result<Answer, CallError> {
    let (services, sticky) = (plugins.services(), plugins.sticky());
    let config = sound_config(route, &facts, services)?;
    let tenant = facts.subject.tenant().map(|tenant| tenant.id.clone());
    let Params { value, raw } = params;
    let checked = fits(route, &route.method().params, &value, raw.len(), tenant.as_ref(), services).await;
    checked.map_err(CallError::InvalidParams)?;
    let most = grants.sticky();
    let owner = facts.subject.tenant().filter(|_| most > 0).map(|tenant| Owner::new(tenant, route.version()));
    let mut state = prepare(route, facts, grants, kind, services).await?;
    state.config = config;
    let _listed = listed(route, &state)?;
    let mut kept = match owner.as_ref().and_then(|owner| sticky.take(owner, &state)) {
        Some(mut kept) => {
            kept.store.data_mut().renew(state);
            kept
        }
        None => Kept::fresh(Store::new(route.component().pre.engine(), state)),
    };
    CallState::limit(&mut kept.store).map_err(|error| failure(kept.store.data(), &error))?;
    let started = Instant::now();
    let ran = race(route, &mut kept, raw, sticky).await?;
    let answered = settle(&mut kept.store, ran, started)?;
    let delete_tenant = kept.store.data().delete_tenant;
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

/// The state of the call's store.
async fn prepare(
    route: &Route,
    facts: CallFacts,
    grants: Arc<Grants>,
    kind: CallKind,
    services: &Arc<Services>,
) -> Result<CallState, CallError> {
    let (component, outer) = (route.component(), kind.outer());
    let wall = wall_time(route.method().timeout, &component.limits);
    let wall = outer.map_or(wall, |outer| wall.min(outer.left()));
    let limits = component.limits.clone();
    let mut state = CallState::new(facts, component.clone(), grants, services.clone(), limits, wall);
    state.depth = outer.map_or(0, Outer::inner_depth);
    state.is_task = outer.map_or(matches!(kind, CallKind::Apart { .. }), |outer| outer.is_task);
    state.turn = outer.and_then(|outer| outer.turn.clone());
    if let CallKind::Apart { ends, claim } = kind {
        (state.ends, state.inherited) = (ends, claim);
    }
    if component.uses_wasi_files
        && let Some(tenant) = state.facts.as_ref().and_then(|facts| facts.subject.tenant())
    {
        let root = services.files(tenant, &component.manifest.family).await;
        state.wasi_root = Some(root.map_err(|error| {
            tracing::error!(tenant = %tenant.id, ?error, "a component's files cannot be opened");
            CallError::Unavailable {
                message: "this component's files cannot be opened".into(),
                retry_after_ms: Some(1000),
            }
        })?);
    }
    Ok(state)
}

/// A call that may take longer than calls do is listed, to be ended with its token.
fn listed(route: &Route, state: &CallState) -> Result<Option<Listed>, CallError> {
    let lasts = state.deadline.saturating_duration_since(Instant::now()) > route.component().limits.wall;
    let tenant = state.facts.as_ref().and_then(|facts| facts.subject.tenant());
    let Some(tenant) = tenant.filter(|_| lasts) else { return Ok(None) };
    let listed = state.services.long_calls.list(tenant.row, state.ends.clone());
    // Whoever ended its token ended the calls that there were: this one may have come after.
    state.services.why_not_current(tenant).map_or(Ok(Some(listed)), |why| Err(not_current(why)))
}

/// What the component answered; an error inside, where it trapped; none, where its time was over first.
type Ran = Option<wasmtime::Result<Result<Vec<u8>, types::Error>>>;

/// Runs the call until it ends, its time is over, or another call ends it.
async fn race(route: &Route, kept: &mut Kept, params: Vec<u8>, sticky: &Sticky) -> Result<Ran, CallError> {
    let state = kept.store.data();
    let (ends, meter, deadline) = (state.ends.clone(), state.meter.clone(), state.deadline);
    let first_turn = state.first_turn();
    let running = in_turn(first_turn, deadline, Metered::new(run(route, kept, params, sticky), meter));
    tokio::select! {
        biased;
        ran = running => ran,
        () = ends.notified() => Err(ended()),
    }
}

/// Runs a call once it has its turn; none where its time is over first.
async fn in_turn<T>(
    turn: Option<impl Future<Output = ()>>,
    deadline: Instant,
    call: impl Future<Output = T>,
) -> Result<Option<T>, CallError> {
    if let Some(turn) = turn {
        timeout_at(deadline.into(), turn).await.map_err(|_| no_turn())?;
    }
    Ok(timeout_at(deadline.into(), call).await.ok())
}

/// What the call's end means, and what it took; the inner error is the handler's own.
fn settle(store: &mut Store<CallState>, ran: Ran, started: Instant) -> Result<Result<Vec<u8>, CallError>, CallError> {
    // Others may have the names, though an instance that stays keeps its handles.
    store.data_mut().claims.clear();
    if let Some(costs) = store.data().services.costs.clone() {
        let bytes = if let Some(Ok(Ok(result))) = &ran { result.len() } else { 0 };
        costs.push(CallState::cost(store, started, bytes));
    }
    match ran {
        None => Err(over(Limit::Time, "wall time")),
        Some(Err(trap)) => Err(failure(store.data(), &trap)),
        Some(Ok(answered)) => Ok(answered.map_err(|error| passed_on(error, store.data_mut()))),
    }
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

/// Another call of the family has ended this one, or its token has ended.
fn ended() -> CallError {
    CallError::Unavailable { message: "the call was ended".into(), retry_after_ms: None }
}

/// Other long calls had all the turns until its time was over: nothing of it ran, so it is no failure of its component.
fn no_turn() -> CallError {
    let message = "the call's time was over before it had its turn among long calls".into();
    CallError::Unavailable { message, retry_after_ms: Some(1000) }
}

/// The call begins after its token has ended.
fn not_current(why: &str) -> CallError {
    let (code, message) = ("FORBIDDEN".to_owned(), why.to_owned());
    CallError::Refused(Refusal { code, message, data: None, retry_after_ms: None })
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

#[cfg(test)]
mod tests {
    use std::future::{Ready, pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_call_whose_turn_never_comes_does_not_run_and_is_no_failure_of_its_component() {
        let mut has_run = false;
        let call = async { has_run = true };
        let ended = in_turn(Some(pending()), Instant::now(), call).await;
        assert!(matches!(ended, Err(CallError::Unavailable { .. })), "{ended:?}");
        assert!(!has_run);
        let (turn, no_turn) = (Some(ready(())), None::<Ready<()>>);
        assert!(matches!(in_turn(turn, Instant::now() + Duration::from_secs(60), ready(1)).await, Ok(Some(1))));
        assert!(matches!(in_turn(no_turn, Instant::now(), pending::<()>()).await, Ok(None)), "its time is over");
    }
}
