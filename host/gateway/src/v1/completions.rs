//! `POST /v1/chat/completions`, `/v1/responses` and `/v1/embeddings`: one call of a model, as a whole or as a stream.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use openclaw_billing::{CallRow, Caller, Limits};
use openclaw_config::json;
use openclaw_models::{Answer, Ask, Endpoint, ModelError, Piece};
use openclaw_runtime::{LimitsError, Scope};
use openclaw_tenancy::{TenantChange, TenantRecord};
use serde_json::{Map, Value};
use tokio::sync::broadcast;

use super::{Asked, agent, tell};
use crate::{
    Gateway,
    auth::{Identity, single},
    http::{Peer, RequestId, body_of, is_json, refuse_as_openai},
    in_flight::unread,
    pieces,
    reply::Problem,
    server_sent::{event, revoked},
};

/// Which agent a call is for, in the ledger and for its budget.
const AGENT: &str = "x-openclaw-agent-id";
/// Which session.
const SESSION: &str = "x-openclaw-session-key";

/// The longest name of an agent or a session.
const NAME: usize = 256;

/// `POST /v1/chat/completions`
pub(super) async fn chat(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    serve(gateway, peer, id, request, Endpoint::Chat).await
}

/// `POST /v1/responses`
pub(super) async fn responses(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    serve(gateway, peer, id, request, Endpoint::Responses).await
}

/// `POST /v1/embeddings`
pub(super) async fn embeddings(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    serve(gateway, peer, id, request, Endpoint::Embeddings).await
}

fn path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat => "POST /v1/chat/completions",
        Endpoint::Responses => "POST /v1/responses",
        Endpoint::Embeddings => "POST /v1/embeddings",
    }
}

async fn serve(gateway: Arc<Gateway>, peer: Peer, id: Arc<str>, request: Request, endpoint: Endpoint) -> Response {
    let (parts, body) = request.into_parts();
    let asked = async {
        let asked = gateway.asked_for_tenant(peer, &parts.headers, Scope::Write, &id).await?;
        is_json(&parts.headers)?;
        Ok((asked, named(&parts.headers, AGENT)?, named(&parts.headers, SESSION)?))
    };
    let (asked, by_agent, session) = match asked.await {
        Ok(asked) => asked,
        Err(problem) => return refuse_as_openai(&gateway, &problem, &id, body).await,
    };
    let (bytes, _share) = match body_of(&gateway, &asked.identity, &parts.headers, body).await {
        Ok(read) => read,
        Err((problem, rest)) => return refuse_as_openai(&gateway, &problem, &id, rest).await,
    };
    let work = async {
        let tenant = &asked.tenant;
        let read = || json::read(&bytes, json::DEPTH_MAX);
        let body = gateway.runtime().at_length(Some(&tenant.id), bytes.len(), read).await;
        let Value::Object(body) = body.map_err(|error| Problem::params(format!("the body is not JSON: {error}")))?
        else {
            return Err(Problem::params("the body must be a JSON object"));
        };
        if endpoint != Endpoint::Embeddings && agent::named(model(&body)).is_some() {
            return agent::answer(&gateway, &asked, (endpoint, body), session, &id).await;
        }
        let limits = gateway.services().model_limits(tenant, by_agent.as_deref().unwrap_or_default());
        let limits = limits.map_err(|error| match error {
            LimitsError::NoAgent(_) => Problem::params(error.to_string()).status(StatusCode::BAD_REQUEST),
            LimitsError::Call(error) => Problem::of_call(error, &id),
        })?;
        let answer = gateway.services().call_model(ask(tenant, endpoint, body, limits, (by_agent, session))?).await;
        let answer = answer.map_err(|error| Problem::of_model(error, &id))?;
        respond(&gateway, &asked, answer, endpoint, &id).await
    };
    let mut changes = gateway.services().registry.subscribe();
    let work = async {
        tokio::select! {
            biased;
            () = revoked(&mut changes, &gateway, &asked.tenant) => Err(Problem::ended_token()),
            answered = work => answered,
        }
    };
    let answered = gateway.answered(&asked.identity, Some(&asked.tenant), path(endpoint), &id, work).await;
    super::answer(answered, &id)
}

fn named(headers: &axum::http::HeaderMap, header: &str) -> Result<Option<String>, Problem> {
    let name = single(headers, header)?.filter(|name| !name.is_empty());
    match name {
        Some(name) if name.len() > NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Problem::params(format!("{header} has at most {NAME} characters, and no spaces")))
        }
        name => Ok(name.map(str::to_owned)),
    }
}

/// The model that a request names; empty where it names none.
fn model(body: &Map<String, Value>) -> &str {
    body.get("model").and_then(Value::as_str).unwrap_or_default()
}

fn ask(
    tenant: &TenantRecord,
    endpoint: Endpoint,
    body: Map<String, Value>,
    limits: Limits,
    (by_agent, session): (Option<String>, Option<String>),
) -> Result<Ask, Problem> {
    let named = model(&body);
    if agent::named(named).is_some() {
        return Err(Problem::no_model(named));
    }
    let user = body.get("user").and_then(Value::as_str).filter(|user| user.len() <= NAME).map(str::to_owned);
    Ok(Ask {
        caller: Caller {
            tenant: tenant.id.clone(),
            agent: by_agent.unwrap_or_default(),
            session: session.or(user),
            run: None,
            component: String::new(),
        },
        limits,
        method: path(endpoint).to_owned(),
        endpoint,
        body,
    })
}

/// The first piece says whether it is a stream.
async fn respond(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    mut answer: Answer,
    endpoint: Endpoint,
    id: &str,
) -> Result<Response, Problem> {
    let failed = |error| Problem::of_model(error, id);
    match answer.next().await {
        Some(Ok(Piece::Body(body))) => match answer.next().await {
            Some(Ok(Piece::End(row))) => Ok(whole(&answer, &row, held(gateway, &asked.identity, body))),
            Some(Err(error)) => Err(failed(error)),
            _ => Err(Problem::internal("a whole answer without its end")),
        },
        Some(Err(error)) => Err(failed(error)),
        Some(Ok(piece)) => Ok(streamed(gateway, asked, answer, piece, endpoint, id)),
        None => Err(Problem::internal("an answer without its end")),
    }
}

/// Bytes that count as the tenant's unread ones until the last of them is on its way: they are there already.
fn held(gateway: &Gateway, identity: &Identity, bytes: Bytes) -> Bytes {
    let share = gateway.replies.hold(identity, bytes.len() as u64);
    unread(bytes, Some(share))
}

fn whole(answer: &Answer, row: &CallRow, body: Bytes) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "application/json")], pieces::body(body)).into_response();
    told(&mut response, answer);
    tell(&mut response, "x-openclaw-cost-usd", &row.cost.to_string());
    tell(&mut response, "x-openclaw-outcome", row.outcome.name());
    response
}

/// What is known of a call before it has ended.
fn told(response: &mut Response, answer: &Answer) {
    tell(response, "x-openclaw-call-id", &answer.id.to_string());
    tell(response, "x-openclaw-reserved-usd", &answer.reserved.to_string());
    tell(response, "x-openclaw-provider", &answer.provider);
    tell(response, "x-openclaw-model", &answer.model);
    if let Some(soft) = answer.soft_limits.first() {
        tell(response, "x-openclaw-soft-limit", soft.quota);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// An answer that is being streamed to one client.
struct Streamed {
    gateway: Arc<Gateway>,
    identity: Identity,
    tenant: Arc<TenantRecord>,
    changes: broadcast::Receiver<TenantChange>,
    answer: Answer,
    first: Option<Piece>,
    says_done: bool,
    id: String,
    has_ended: bool,
}

fn streamed(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    answer: Answer,
    first: Piece,
    endpoint: Endpoint,
    id: &str,
) -> Response {
    let mut response = [(header::CONTENT_TYPE, "text/event-stream")].into_response();
    told(&mut response, &answer);
    let streamed = Streamed {
        gateway: gateway.clone(),
        identity: asked.identity.clone(),
        tenant: asked.tenant.clone(),
        changes: gateway.services().registry.subscribe(),
        answer,
        first: Some(first),
        says_done: endpoint == Endpoint::Chat,
        id: id.to_owned(),
        has_ended: false,
    };
    let events = stream::unfold(streamed, |mut streamed| async move {
        let event = streamed.next().await?;
        let event = held(&streamed.gateway, &streamed.identity, event.into());
        Some((Ok::<_, Infallible>(event), streamed))
    });
    *response.body_mut() = Body::from_stream(events);
    response
}

impl Streamed {
    /// The next event's text; an answer that cannot go on says why.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.has_ended {
                return None;
            }
            let piece = match self.first.take() {
                Some(piece) => Some(Ok(piece)),
                None => tokio::select! {
                    piece = self.answer.next() => piece,
                    () = revoked(&mut self.changes, &self.gateway, &self.tenant) => None,
                },
            };
            match piece {
                Some(Ok(Piece::Chunk { data: Some(data), name, .. })) => return Some(event(&name, &data)),
                Some(Ok(Piece::Chunk { data: None, .. })) => {}
                Some(Ok(Piece::Body(body))) => return Some(event("", &String::from_utf8_lossy(&body))),
                Some(Ok(Piece::End(row))) => {
                    self.has_ended = true;
                    return Some(self.end(&row));
                }
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Some(self.failure(error));
                }
                None => self.has_ended = true,
            }
        }
    }

    fn end(&self, row: &CallRow) -> String {
        // A comment, which clients pass over.
        let cost = format!(": cost-usd {} outcome {}\n\n", row.cost, row.outcome.name());
        if self.says_done { cost + "data: [DONE]\n\n" } else { cost }
    }

    fn failure(&self, error: ModelError) -> String {
        let problem = Problem::of_model(error, &self.id);
        if let Some(detail) = &problem.log {
            tracing::warn!(request_id = self.id, detail, "a streamed answer failed");
        }
        let name = if self.says_done { "" } else { "error" };
        event(name, &problem.openai_body(&self.id).to_string())
    }
}
