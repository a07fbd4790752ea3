//! The path of a call, in the order in which it happens.
//!
//! `receive` (http.rs, websocket.rs and the command line hand over bytes and an
//! identity) → `parse` → `admit` → `route` → `invoke` → `respond`. Every body
//! that is taken in gets its reply in [`Gateway::rpc`]. Three things do not come
//! this way: what is refused before its body is read (`refuse` in http.rs),
//! `events.subscribe`, which is about a connection (websocket.rs), and files,
//! which are no JSON (uploads.rs).

use std::{sync::Arc, time::Instant};

use axum::http::StatusCode;
use futures_util::{StreamExt, future::BoxFuture, stream};
use openclaw_config::{closest, json};
use openclaw_runtime::{CallFacts, Params, Route, Scope, Subject};
use openclaw_tenancy::{TenantId, TenantRecord};
use serde_json::{Value, value::RawValue};

use crate::{
    Gateway,
    admin::{self, AdminMethod},
    auth::Identity,
    billing::{self, BillingMethod},
    components::{self, ComponentMethod},
    discover,
    in_flight::Share,
    metrics,
    reply::Problem,
    request::{self, BadBody, Body, Call, Frame},
    telemetry::Begun,
};

/// How many calls of one batch run at once.
const BATCH_AT_ONCE: usize = 8;

/// The most bytes of a batch's replies.
const BATCH_BYTES: usize = 32 << 20;

/// How a tenant is told of a method that is there, but for the operator only; its name follows.
pub const OPERATORS_ALONE: &str = "method not available for tenant token";

/// What goes back to the client.
#[derive(Debug)]
pub struct Reply {
    /// Of the HTTP response.
    pub status: StatusCode,
    /// Response headers beyond the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; none where only notifications came in.
    pub body: Option<String>,
}

/// A call's id, and its reply with what that takes of the tenant's unread bytes; none for a notification.
type BatchReply<'f> = (Option<&'f RawValue>, Option<(String, Share)>);

/// One call's end.
struct Outcome {
    /// The reply's text; none for a notification.
    text: Option<String>,
    problem: Option<Problem>,
}

impl Gateway {
    /// Answers a body of one request or a batch.
    pub async fn rpc(&self, identity: &Identity, body: &[u8], request_id: &Arc<str>) -> Reply {
        let (depth, batch) = self.frame_limits();
        match self.at_length(identity, body.len(), || request::parse(body, depth, batch)).await {
            Err(bad) => {
                // It was a request all the same: whoever is over a rate is not told what is wrong with it.
                let problem = self.admit(identity, request_id).await.err().unwrap_or_else(|| malformed(bad));
                reply_to(&problem, request_id)
            }
            Ok(Body::Single(frame)) => {
                let outcome = self.answer(identity, frame, request_id).await;
                let problem = outcome.problem.filter(|_| outcome.text.is_some());
                let (status, headers) =
                    problem.map_or((StatusCode::OK, Vec::new()), |problem| (problem.status, problem.headers));
                Reply {
                    status: if outcome.text.is_some() { status } else { StatusCode::NO_CONTENT },
                    headers,
                    body: outcome.text,
                }
            }
            Ok(Body::Batch(frames)) => self.batch(identity, frames, request_id).await,
        }
    }

    async fn at_length<T>(&self, identity: &Identity, bytes: usize, work: impl FnOnce() -> T) -> T {
        self.runtime().at_length(identity.tenant.as_ref().map(|tenant| &tenant.id), bytes, work).await
    }

    /// Answers a batch: some calls at once, their replies in the order of the calls.
    async fn batch(&self, identity: &Identity, frames: Vec<Frame<'_>>, request_id: &Arc<str>) -> Reply {
        let mut answers: Vec<BoxFuture<'_, BatchReply<'_>>> = Vec::with_capacity(frames.len());
        for frame in frames {
            let id = frame.as_ref().map_or_else(|bad| bad.id, |call| call.id);
            answers.push(Box::pin(async move {
                // One after another they would keep this thread from everyone else.
                tokio::task::yield_now().await;
                let text = self.answer(identity, frame, request_id).await.text;
                (id, text.map(|text| self.unread(identity, id, text, request_id)))
            }));
        }
        let mut answers = stream::iter(answers).buffered(BATCH_AT_ONCE);
        let (mut body, mut shares) = (String::new(), Vec::new());
        while let Some((id, answer)) = answers.next().await {
            let Some((text, share)) = answer else { continue };
            body.push(if body.is_empty() { '[' } else { ',' });
            // What is over is answered short, so that one body cannot ask for any amount.
            if body.len() + text.len() > BATCH_BYTES {
                body.push_str(&too_much(id, request_id));
            } else {
                body.push_str(&text);
                shares.push(share);
            }
        }
        let body = (!body.is_empty()).then(|| body + "]");
        let status = if body.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT };
        Reply { status, headers: Vec::new(), body }
    }

    /// A reply of a batch, which waits for the others: it counts as unread until all are answered.
    fn unread(&self, identity: &Identity, id: Option<&RawValue>, text: String, request_id: &str) -> (String, Share) {
        match self.replies.take(identity, text.len() as u64) {
            Ok(share) => (text, share),
            Err(problem) => (problem.reply(id, request_id), self.replies.hold(identity, 0)),
        }
    }

    /// One frame: its call, its reply, its line in the log.
    async fn answer(&self, identity: &Identity, frame: Frame<'_>, request_id: &Arc<str>) -> Outcome {
        let call = match frame {
            Ok(call) => call,
            Err(bad) => {
                let admitted = self.admit(identity, request_id).await;
                let problem = admitted.err().unwrap_or_else(|| Problem::request(bad.message));
                return Outcome { text: Some(problem.reply(bad.id, request_id)), problem: Some(problem) };
            }
        };
        let started = Instant::now();
        let result = self.call(identity, &call, request_id).await;
        log(identity, &call.method, request_id, started, result.as_ref().err());
        let text = call.id.map(|id| match &result {
            Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.get()),
            Err(problem) => problem.reply(Some(id), request_id),
        });
        Outcome { text, problem: result.err() }
    }

    /// Admit, route, invoke. Answers the result's JSON.
    pub(crate) async fn call(
        &self,
        identity: &Identity,
        call: &Call<'_>,
        request_id: &Arc<str>,
    ) -> Result<String, Problem> {
        let tenant = self.admit(identity, request_id).await?;
        let raw = call.params.map_or("{}", RawValue::get);
        let params = self.at_length(identity, raw.len(), || params(raw)).await?;
        match self.route(identity, tenant.as_deref(), &call.method, &params.value, request_id).await? {
            Destination::Host(method) => {
                let trace = self.telemetry().place(identity);
                let told = tenant.as_ref().map(|tenant| tenant.id.to_string());
                let begun = trace.map(|trace| Begun::of_host(trace, &call.method, told, request_id));
                let call = self.host_call(identity, tenant, method, params.value, request_id);
                let result = self.metrics().host().measure(call).await;
                self.telemetry().ended(begun, metrics::code(&result));
                result
            }
            Destination::Component(route) => {
                let subject = self.subject(identity, tenant, &route, &params.value)?;
                self.invoke(identity, &route, subject, params, request_id).await
            }
        }
    }

    /// Counts the request, and refuses it where a rate or quota says so, or its header names another tenant.
    /// Answers the tenant's record of now, not of when the connection was made.
    pub(crate) async fn admit(
        &self,
        identity: &Identity,
        request_id: &Arc<str>,
    ) -> Result<Option<Arc<TenantRecord>>, Problem> {
        let Some(known) = &identity.tenant else { return Ok(None) };
        let same =
            |now: &Arc<TenantRecord>| now.row == known.row && now.generation == known.generation && !now.disabled;
        let current = self.services().registry.get(&known.id).filter(same);
        let tenant = current.ok_or_else(|| Problem::unauthorized("the token is not valid any more"))?;
        let now = self.services().now();
        match self.services().rates.check(&tenant.id, &tenant.quotas, now) {
            Ok(()) => {
                self.services().usage.record_request(&tenant.id, now.wall);
                identity.reach(identity.acting_for.as_deref())?;
                Ok(Some(tenant))
            }
            Err(refusal) => {
                self.metrics().refused.inc();
                // Durable before the 429 leaves.
                let recorded = self.services().usage.record_refusal(&tenant.id, refusal.quota, now.wall).await;
                recorded.map_err(Problem::internal)?;
                Err(Problem::quota(&refusal, request_id))
            }
        }
    }

    /// The method's handler, where this caller may use it.
    async fn route(
        &self,
        identity: &Identity,
        own: Option<&TenantRecord>,
        method: &str,
        params: &Value,
        request_id: &str,
    ) -> Result<Destination, Problem> {
        if method == discover::METHOD {
            return Ok(Destination::Host(HostMethod::Discover));
        }
        if let Some(method) = AdminMethod::named(method) {
            return operators_own(identity, method.name(), HostMethod::Admin(method));
        }
        if let Some(method) = BillingMethod::named(method) {
            return operators_own(identity, method.name(), HostMethod::Billing(method));
        }
        if let Some(method) = ComponentMethod::named(method) {
            return match method.scope(self.config().components.self_service) {
                Some(scope) if identity.caller.may(scope) => Ok(Destination::Host(HostMethod::Components(method))),
                Some(scope) => Err(missing_scope(method.name(), scope)),
                None => operators_own(identity, method.name(), HostMethod::Components(method)),
            };
        }
        let named = own.is_none().then(|| named_tenant(identity, method, params)).flatten();
        let named = named.and_then(|id| id.parse::<TenantId>().ok());
        let tenant = own.map(|own| &own.id).or(named.as_ref());
        let routed = self.runtime().route(tenant, method).await;
        let Some(route) = routed.map_err(|error| Problem::of_call(error, request_id))? else {
            return Err(self.no_such_method(tenant, method).await);
        };
        let scope = route.method().scope;
        if !identity.caller.may(scope) {
            return Err(missing_scope(method, scope));
        }
        Ok(Destination::Component(route))
    }

    /// Says so, and what was probably meant.
    async fn no_such_method(&self, tenant: Option<&TenantId>, method: &str) -> Problem {
        let method = printable(method);
        let serving = self.runtime().plugins().serving(tenant).await;
        let names = serving.iter().flat_map(|version| version.component.manifest.methods.keys().map(|name| &**name));
        let meant = match closest(&method, names) {
            Some(name) => format!(" (did you mean {name}?)"),
            None => String::new(),
        };
        Problem::method(format!("method not found: {method}{meant}"))
    }

    /// Whom the call is for: the token's own tenant, or the one that the operator names.
    fn subject(
        &self,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        route: &Route,
        params: &Value,
    ) -> Result<Subject, Problem> {
        let family = route.component().manifest.family.as_str();
        let named = if family == "tenants" { params.get("tenantId").and_then(Value::as_str) } else { None };
        identity.reach(named)?;
        match own {
            Some(own) => Ok(Subject::Tenant(own)),
            None => match named.or(identity.acting_for.as_deref()) {
                Some(id) => Ok(Subject::Tenant(self.tenant(id)?)),
                None => Ok(Subject::Gateway),
            },
        }
    }

    /// The registry's row of a tenant that the operator names.
    pub(crate) fn tenant(&self, id: &str) -> Result<Arc<TenantRecord>, Problem> {
        let known = id.parse::<TenantId>().map_err(|error| Problem::params(error.to_string()))?;
        self.services().registry.get(&known).ok_or_else(|| Problem::not_found(format!("there is no tenant {known}")))
    }

    /// Levels of nesting and requests of a batch, copied out of the configuration in force.
    pub(crate) fn frame_limits(&self) -> (usize, usize) {
        let config = self.config();
        (config.gateway.limits.depth as usize, config.gateway.limits.batch as usize)
    }

    async fn host_call(
        &self,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        method: HostMethod,
        params: Value,
        request_id: &str,
    ) -> Result<String, Problem> {
        match method {
            HostMethod::Discover => discover::call(self, identity, &params).await,
            HostMethod::Admin(method) => admin::call(self, identity, method, params).await,
            HostMethod::Billing(method) => billing::call(self, method, &params).await,
            HostMethod::Components(method) => components::call(self, identity, own, method, params, request_id).await,
        }
    }

    /// Runs the component.
    async fn invoke(
        &self,
        identity: &Identity,
        route: &Route,
        subject: Subject,
        params: Params,
        request_id: &Arc<str>,
    ) -> Result<String, Problem> {
        let facts = CallFacts {
            method: route.method().name.as_str().into(),
            subject,
            caller: identity.caller.clone(),
            request_id: request_id.clone(),
            trace: self.telemetry().place(identity),
        };
        let tenant = facts.subject.tenant().cloned();
        let begun = Begun::of(&facts, route.component());
        let configures = tenant.is_none() && route.component().manifest.family.as_str() == "config";
        let call = async {
            self.runtime().call(route, facts, params).await.map_err(|error| Problem::of_call(error, request_id))
        };
        let result = self.metrics().component(route.component()).measure(call).await;
        let code = metrics::code(&result);
        self.telemetry().ended(begun, code);
        if configures && result.is_ok() && route.method().scope == Scope::Write {
            self.config_written.notify_one();
        }
        if let Some(tenant) = tenant
            && self.config().telemetry.tenant_label
        {
            self.metrics().count_for(&tenant.id, code);
        }
        result
    }
}

/// The tenant that the operator names: `tenants.*` take its id among their parameters.
fn named_tenant<'r>(identity: &'r Identity, method: &str, params: &'r Value) -> Option<&'r str> {
    let named = if method.starts_with("tenants.") { params.get("tenantId").and_then(Value::as_str) } else { None };
    named.or(identity.acting_for.as_deref())
}

/// A method that no tenant's token reaches.
fn operators_own(identity: &Identity, name: &str, method: HostMethod) -> Result<Destination, Problem> {
    if identity.caller.is_operator() {
        return Ok(Destination::Host(method));
    }
    if identity.tenant.is_some() {
        return Err(Problem::method(format!("{OPERATORS_ALONE}: {name}")));
    }
    Err(missing_scope(name, Scope::Admin))
}

enum Destination {
    Component(Route),
    Host(HostMethod),
}

/// Served by the host: it is about all tenants, or about the components themselves.
enum HostMethod {
    Discover,
    Admin(AdminMethod),
    Billing(BillingMethod),
    Components(ComponentMethod),
}

/// Our methods take named parameters, so an array can only be the empty one.
fn params(raw: &str) -> Result<Params, Problem> {
    let value = json::read(raw.as_bytes(), json::DEPTH_MAX).map_err(|error| Problem::params(error.to_string()))?;
    match value {
        Value::Object(_) => Ok(Params { value, raw: raw.as_bytes().to_vec() }),
        Value::Array(items) if items.is_empty() => {
            Ok(Params { value: Value::Object(serde_json::Map::new()), raw: b"{}".to_vec() })
        }
        _ => Err(Problem::params("parameters go by name: send \"params\" as an object")),
    }
}

fn too_much(id: Option<&RawValue>, request_id: &str) -> String {
    let message = format!("the replies of this batch are over {BATCH_BYTES} bytes: ask for less at once");
    Problem::request(message).reply(id, request_id)
}

fn missing_scope(method: &str, scope: Scope) -> Problem {
    let message = format!("{method} needs the scope {}, which this request does not carry", scope.name());
    Problem::forbidden(message).with("scope", scope.name().into())
}

fn malformed(bad: BadBody) -> Problem {
    match bad {
        BadBody::Parse(flaw) => Problem::parse(format!("the body is not JSON: {flaw}")),
        BadBody::Invalid(message) => Problem::request(message),
    }
}

fn reply_to(problem: &Problem, request_id: &str) -> Reply {
    Reply { status: problem.status, headers: problem.headers.clone(), body: Some(problem.reply(None, request_id)) }
}

/// A call's one line in the log.
pub(crate) fn log(identity: &Identity, method: &str, request_id: &str, started: Instant, problem: Option<&Problem>) {
    let actor = &identity.caller.actor;
    let method = printable(method);
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match problem {
        None => tracing::debug!(request_id, %actor, method, micros, "answered"),
        Some(Problem { log: Some(detail), code, .. }) => {
            tracing::warn!(request_id, %actor, method, micros, code, detail, "failed");
        }
        Some(Problem { code, message, .. }) => {
            tracing::debug!(request_id, %actor, method, micros, code, message, "refused");
        }
    }
}

/// A client's words in a log or a message: short, and without control characters.
fn printable(text: &str) -> String {
    text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
