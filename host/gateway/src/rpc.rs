//! The path of a call, in the order in which it happens.
//!
//! `receive` (http.rs, websocket.rs and the command line hand over bytes and an
//! identity) → `parse` → `admit` → `route` → `invoke` → `respond`. Every body
//! that is taken in gets its reply in [`Gateway::rpc`]. Four things do not come
//! this way: what is refused before its body is read (`refuse` in http.rs),
//! `events.subscribe`, which is about a connection (websocket.rs), files, which
//! are no JSON (uploads.rs), and the requests of OpenAI's interface (v1.rs). How
//! they all end, in the log and in the counters, is in ending.rs.

use std::{convert::Infallible, sync::Arc};

use axum::http::StatusCode;
use futures_util::{StreamExt, future::BoxFuture, stream};
use openclaw_config::{closest, json};
use openclaw_runtime::{CallFacts, Params, Route, Scope, Subject, administers, named_tenant};
use openclaw_tenancy::{TenantId, TenantRecord};
use serde_json::{Value, value::RawValue};

use crate::{
    Gateway,
    auth::Identity,
    ending::printable,
    host::HostMethod,
    in_flight::Share,
    metrics,
    reply::Problem,
    request::{self, BadBody, Body, Call, Frame},
    telemetry::CallSpan,
    websocket::SUBSCRIBE,
};

/// How many calls of one batch run at once.
const BATCH_AT_ONCE: usize = 8;

/// The most bytes of a batch's replies.
const BATCH_BYTES: usize = 32 << 20;

/// Under which name the log and the traces have what cannot be read as a call.
const NO_CALL: &str = "(no call)";

/// Of one component, so many methods are looked at for what was meant; of all of a tenant's, so many.
const MEANT_OF_ONE: usize = 64;
const MEANT: usize = 512;

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

/// One call's end.
struct Outcome {
    /// The reply's text; none for a notification.
    text: Option<String>,
    problem: Option<Problem>,
}

/// What answers a call.
enum Destination {
    Component(Route),
    Host(HostMethod),
}

impl Gateway {
    /// Answers a body of one request or a batch.
    pub async fn rpc(&self, identity: &Identity, body: &[u8], request_id: &Arc<str>) -> Reply {
        let (depth, batch) = self.frame_limits();
        match self.at_length(identity, body.len(), || request::parse(body, depth, batch)).await {
            Err(bad) => {
                let problem = self.no_call(identity, malformed(bad), request_id).await;
                let body = Some(problem.reply(None, request_id));
                Reply { status: problem.status, headers: problem.headers, body }
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

    /// One frame: its call and its reply.
    async fn answer(&self, identity: &Identity, frame: Frame<'_>, request_id: &Arc<str>) -> Outcome {
        let call = match frame {
            Ok(call) => call,
            Err(bad) => {
                let problem = self.no_call(identity, Problem::request(bad.message), request_id).await;
                return Outcome { text: Some(problem.reply(bad.id, request_id)), problem: Some(problem) };
            }
        };
        match self.call(identity, &call, request_id).await {
            Ok(result) => Outcome { text: call.id.map(|id| success(id, result)), problem: None },
            Err(problem) => {
                Outcome { text: call.id.map(|id| problem.reply(Some(id), request_id)), problem: Some(problem) }
            }
        }
    }

    /// Admit, route, invoke. Answers the result's JSON.
    pub(crate) async fn call(
        &self,
        identity: &Identity,
        call: &Call<'_>,
        request_id: &Arc<str>,
    ) -> Result<String, Problem> {
        let work = async {
            let own = self.admit(identity, request_id).await?;
            self.dispatch(identity, own, call, request_id).await
        };
        self.logged(identity, &call.method, request_id, work).await
    }

    /// Routes and invokes what is admitted: a call, or one that belongs to a request of another interface.
    pub(crate) async fn dispatch(
        &self,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        call: &Call<'_>,
        request_id: &Arc<str>,
    ) -> Result<String, Problem> {
        let raw = call.params.map_or("{}", RawValue::get);
        let params = self.at_length(identity, raw.len(), || params(raw)).await?;
        match self.route(identity, own.as_deref(), &call.method, &params.value, request_id).await? {
            // On the heap: its future is large, and every other call would carry it along.
            Destination::Host(method) => {
                Box::pin(self.host_call(identity, own, method, call, params, request_id)).await
            }
            Destination::Component(route) => {
                let subject = self.subject(identity, own, &call.method, &params.value)?;
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
        if let Some(method) = HostMethod::named(self, identity, method)? {
            return Ok(Destination::Host(method));
        }
        let named = named(identity, method, params).filter(|_| own.is_none());
        let named = named.and_then(|id| id.parse::<TenantId>().ok());
        let tenant = own.map(|own| &own.id).or(named.as_ref());
        let routed = if own.is_none() && administers(method) {
            self.runtime().route_for_everyone(method).await
        } else {
            self.runtime().route(tenant, method).await
        };
        let Some(route) = routed.map_err(|error| Problem::of_call(error, request_id))? else {
            return Err(self.no_such_method(tenant, method).await);
        };
        let scope = route.method().scope;
        if !identity.caller.may(scope) {
            return Err(Problem::missing_scope(method, scope));
        }
        Ok(Destination::Component(route))
    }

    /// Whom the call is for: the token's own tenant, or the one that the operator names.
    fn subject(
        &self,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        method: &str,
        params: &Value,
    ) -> Result<Subject, Problem> {
        let named = named(identity, method, params);
        identity.reach(named)?;
        match (own, named) {
            (Some(own), _) => Ok(Subject::Tenant(own)),
            (None, Some(id)) => Ok(Subject::Tenant(self.tenant(id)?)),
            (None, None) => Ok(Subject::Gateway),
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
        let span = CallSpan::of(&facts, route.component());
        let configures = tenant.is_none() && route.component().manifest.family.as_str() == "config";
        let call = async {
            self.runtime().call(route, facts, params).await.map_err(|error| Problem::of_call(error, request_id))
        };
        let result = self.metrics().component(route.component()).measure(call).await;
        self.ended(span, tenant.as_deref(), metrics::code(&result));
        if configures && result.is_ok() && route.method().scope == Scope::Write {
            self.config_written.notify_one();
        }
        result
    }

    /// Runs a method of the host's own.
    async fn host_call(
        &self,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        method: HostMethod,
        call: &Call<'_>,
        params: Params,
        request_id: &Arc<str>,
    ) -> Result<String, Problem> {
        let named = || identity.acting_for.as_deref().and_then(|id| self.tenant(id).ok());
        let tenant = own.clone().or_else(named);
        let work = method.call(self, identity, own, params.value, request_id);
        self.counted(identity, tenant.as_deref(), &call.method, request_id, work).await
    }

    /// Why what is no call is refused. It was a request all the same: whoever is over a rate is not told what is
    /// wrong with it.
    async fn no_call(&self, identity: &Identity, flaw: Problem, request_id: &Arc<str>) -> Problem {
        let work = async {
            let tenant = self.admit(identity, request_id).await?;
            let refused = async { Err::<Infallible, _>(flaw) };
            self.counted(identity, tenant.as_deref(), NO_CALL, request_id, refused).await
        };
        let Err(problem) = self.logged(identity, NO_CALL, request_id, work).await;
        problem
    }

    /// Says so, and what was probably meant.
    async fn no_such_method(&self, tenant: Option<&TenantId>, method: &str) -> Problem {
        if method == SUBSCRIBE {
            return Problem::method(format!(
                "{SUBSCRIBE} is about a connection: send it over a WebSocket of /rpc, alone"
            ));
        }
        let method = printable(method);
        let serving = self.runtime().plugins().serving(tenant).await;
        // A tenant's components have as many methods as their authors like, and each mistake would look at all of them.
        let names = serving.iter().flat_map(|version| version.component.manifest.methods.keys().take(MEANT_OF_ONE));
        let meant = match closest(&method, names.map(String::as_str).take(MEANT)) {
            Some(name) => format!(" (did you mean {name}?)"),
            None => String::new(),
        };
        Problem::method(format!("method not found: {method}{meant}"))
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

    async fn at_length<T>(&self, identity: &Identity, bytes: usize, work: impl FnOnce() -> T) -> T {
        self.runtime().at_length(identity.tenant.as_ref().map(|tenant| &tenant.id), bytes, work).await
    }
}

/// A call's id, and its reply with what that takes of the tenant's unread bytes; none for a notification.
type BatchReply<'f> = (Option<&'f RawValue>, Option<(String, Share)>);

/// The tenant that a request names: among its parameters, or else by its header.
fn named<'r>(identity: &'r Identity, method: &str, params: &'r Value) -> Option<&'r str> {
    named_tenant(method, params).and_then(Value::as_str).or(identity.acting_for.as_deref())
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

/// The reply with a result, which is JSON, in the result's own memory: fresh memory for a long one costs more than all
/// else that is done here.
pub(crate) fn success(id: &RawValue, mut result: String) -> String {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{},"result":"#, id.get());
    result.reserve_exact(head.len() + 1);
    result.insert_str(0, &head);
    result.push('}');
    result
}

fn too_much(id: Option<&RawValue>, request_id: &str) -> String {
    let message = format!("the replies of this batch are over {BATCH_BYTES} bytes: ask for less at once");
    Problem::request(message).reply(id, request_id)
}

fn malformed(bad: BadBody) -> Problem {
    match bad {
        BadBody::Parse(flaw) => Problem::parse(format!("the body is not JSON: {flaw}")),
        BadBody::Invalid(message) => Problem::request(message),
    }
}
