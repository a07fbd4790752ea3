//! HTTP: the routes, and what is checked before a body is read.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use futures_util::StreamExt;
use serde_json::json;
use tracing::Instrument;

use crate::{
    Gateway,
    auth::Identity,
    in_flight::{Share, unread},
    metrics, pieces,
    reply::{Problem, add_headers},
    rpc::Reply,
    run_stream,
    serve::Held,
    terminal_page,
    trace_context::{TRACEPARENT, TraceParent},
    uploads, v1, websocket,
};

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// Over TCP.
    Remote(SocketAddr),
    /// Over the control socket, which only the operator can open.
    Control,
}

/// The id of one request.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Where every answer is JSON-RPC, a refusal too.
const RPC: &str = "/rpc";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For a year: RFC 6797.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Of what a tenant may leave unread, so much must be free before another request is read.
const ROOM_FOR_A_REPLY: u64 = 1 << 20;

/// A body that is refused unread is still taken in this far, so that a client
/// which sends everything first reads the refusal instead of a reset.
const DISCARD_BYTES: usize = 32 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// `POST /rpc`, `GET /rpc` (WebSocket), `GET /terminal` (WebSocket), `GET /healthz`, `GET /readyz`, `GET /metrics`; the
/// terminal's page, uploads and `/v1` have their own.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(RPC, post(rpc).get(websocket::upgrade))
        .route("/terminal", get(websocket::terminal))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::scrape))
        .merge(terminal_page::routes())
        .merge(uploads::routes())
        .merge(v1::routes())
        .fallback(any(not_found))
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(gateway.clone(), guard))
        .with_state(gateway)
}

/// Names the request and checks where it comes from.
async fn guard(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let traced = TraceParent::of(request.headers()).map(|parent| (parent.as_str().to_owned(), parent.span()));
    let Some((parent, span)) = traced else {
        return with_request_id(guarded(&gateway, peer, request, next, &id).await, &id);
    };
    let mut response = with_request_id(guarded(&gateway, peer, request, next, &id).instrument(span).await, &id);
    if let Ok(parent) = HeaderValue::try_from(parent) {
        response.headers_mut().insert(TRACEPARENT, parent);
    }
    response
}

async fn guarded(gateway: &Gateway, peer: Peer, request: Request, next: Next, id: &str) -> Response {
    let mut response = match gateway.check_origin(peer, &request).and_then(|()| gateway.check_open(&request)) {
        Ok(()) => next.run(request).await,
        Err(problem) if request.uri().path() == RPC => refuse(gateway, &problem, id, request.into_body()).await,
        Err(problem) => refuse_as_problem(gateway, &problem, id, request.into_body()).await,
    };
    if gateway.serves_tls() {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    response
}

/// `POST /rpc`.
async fn rpc(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(held): Extension<Held>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let identity =
        match gateway.identify(peer, &parts.headers).and_then(|identity| is_json(&parts.headers).map(|()| identity)) {
            Ok(identity) => identity,
            Err(problem) => return refuse(&gateway, &problem, &id, body).await,
        };
    let _under_way = gateway.crowd.begin(&held.lane, &identity);
    match body_of(&gateway, &identity, &parts.headers, body).await {
        Ok((body, share)) => {
            let whole = {
                let (gateway, identity) = (gateway.clone(), identity.clone());
                move |reply: Reply| {
                    let unread = reply.body.as_ref().map_or(0, String::len) as u64;
                    respond(reply, Some(gateway.replies.hold(&identity, unread)))
                }
            };
            if let Some(watched) = run_stream::watched(&gateway, &identity, &parts.headers, &body) {
                return run_stream::answer(gateway, identity, (body, share), watched, id, whole).await;
            }
            let reply = gateway.rpc(&identity, &body, &id).await;
            drop(share);
            whole(reply)
        }
        Err((problem, rest)) => refuse(&gateway, &problem, &id, rest).await,
    }
}

/// Takes a body in, within what its tenant may have under way. What is refused comes with what of it is unread.
pub(crate) async fn body_of(
    gateway: &Gateway,
    identity: &Identity,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Share), (Problem, Body)> {
    let limit = usize::try_from(gateway.config().gateway.limits.body_bytes).unwrap_or(usize::MAX);
    // Taken before the body is read, and held until it is answered.
    let expected = announced(headers).unwrap_or(limit).min(limit) as u64;
    let readable =
        gateway.replies.take(identity, ROOM_FOR_A_REPLY).and_then(|_| gateway.bodies.take(identity, expected));
    let mut share = match readable {
        Ok(share) => share,
        Err(problem) => return Err((problem, body)),
    };
    let patience = Duration::from_secs(gateway.config().gateway.limits.request_seconds);
    let read = tokio::time::timeout(patience, read(headers, body, limit)).await;
    match read.unwrap_or(Err(Unread::Late)) {
        Ok(body) => {
            // One that did not say how long it is took the most that it could be.
            let _ = share.resize(body.len() as u64);
            Ok((body, share))
        }
        Err(Unread::TooLarge(rest)) => {
            let problem = Problem::request(format!("the body is larger than {limit} bytes"))
                .status(StatusCode::PAYLOAD_TOO_LARGE);
            Err((problem, rest))
        }
        Err(Unread::Late) => Err((Problem::late_body(), Body::empty())),
        Err(Unread::Broken(error)) => {
            tracing::debug!(%error, "a body could not be read to its end");
            Err((Problem::broken_body(), Body::empty()))
        }
    }
}

impl Gateway {
    /// A gateway that is going down takes no call, and says how it is.
    fn check_open(&self, request: &Request) -> Result<(), Problem> {
        if !self.is_draining() || matches!(request.uri().path(), "/healthz" | "/readyz") {
            return Ok(());
        }
        Err(Problem::unavailable("the gateway is going down", Some(1000)).status(StatusCode::SERVICE_UNAVAILABLE))
    }
}

/// The client's own id where it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let sent = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    sent.filter(harmless).map_or_else(|| ulid::Ulid::new().to_string().into(), Arc::from)
}

pub(crate) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = sent.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::request("send Content-Type: application/json").status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

enum Unread {
    TooLarge(Body),
    Late,
    Broken(axum::Error),
}

pub(crate) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body up to `limit` bytes.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Unread> {
    let announced = announced(headers);
    if announced.is_some_and(|announced| announced > limit) {
        return Err(Unread::TooLarge(body));
    }
    let mut taken = Vec::with_capacity(announced.unwrap_or_default().min(limit));
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(Unread::Broken)?;
        if taken.len() + chunk.len() > limit {
            return Err(Unread::TooLarge(Body::from_stream(stream)));
        }
        taken.extend_from_slice(&chunk);
    }
    Ok(taken.into())
}

/// Answers a request to `/rpc` whose calls were not looked at.
pub(crate) async fn refuse(gateway: &Gateway, problem: &Problem, request_id: &str, body: Body) -> Response {
    turn_away(gateway, problem, request_id, body).await;
    let (status, headers) = (problem.http_status(), problem.headers.clone());
    respond(Reply { status, headers, body: Some(problem.reply(None, request_id)) }, None)
}

/// Answers any other request whose body was not read.
pub(crate) async fn refuse_as_problem(gateway: &Gateway, problem: &Problem, request_id: &str, body: Body) -> Response {
    turn_away(gateway, problem, request_id, body).await;
    problem.response(request_id)
}

/// Answers a request of OpenAI's interface whose body was not read.
pub(crate) async fn refuse_as_openai(gateway: &Gateway, problem: &Problem, request_id: &str, body: Body) -> Response {
    turn_away(gateway, problem, request_id, body).await;
    problem.as_openai(request_id)
}

/// The one way to refuse unread: counted, and told of in the log.
async fn turn_away(gateway: &Gateway, problem: &Problem, request_id: &str, body: Body) {
    let Problem { code, message, .. } = problem;
    gateway.metrics().refused_unread(problem.http_status());
    discard(body).await;
    match &problem.log {
        Some(detail) => tracing::warn!(request_id, code, detail, "failed"),
        None => tracing::debug!(request_id, code, detail = message, "refused unread"),
    }
}

/// Takes in a body, or what is left of it, and throws it away.
pub(crate) async fn discard(body: Body) {
    let discard = async {
        let mut stream = body.into_data_stream();
        let mut taken = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            taken += chunk.len();
            if taken > DISCARD_BYTES {
                break;
            }
        }
    };
    // What is sent beyond these bounds is cut off with the connection.
    let _ = tokio::time::timeout(DISCARD_TIME, discard).await;
}

fn respond(reply: Reply, share: Option<Share>) -> Response {
    let mut response = match reply.body {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], pieces::body(unread(text, share))).into_response(),
        None => ().into_response(),
    };
    *response.status_mut() = reply.status;
    add_headers(&mut response, &reply.headers);
    // A result can hold a token.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_request_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The process is alive.
async fn healthz() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

/// The gateway takes calls: it is not going down.
async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.is_draining() {
        let draining = axum::Json(json!({ "status": "draining" }));
        return (StatusCode::SERVICE_UNAVAILABLE, draining).into_response();
    }
    let components = gateway.runtime().plugins().serving(None).await.len();
    axum::Json(json!({ "status": "ready", "components": components, "configGeneration": gateway.config_generation() }))
        .into_response()
}

async fn not_found(
    State(gateway): State<Arc<Gateway>>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let problem = Problem::not_found(format!("there is nothing at {}", request.uri().path()));
    refuse_as_problem(&gateway, &problem, &id, request.into_body()).await
}

async fn not_allowed(
    State(gateway): State<Arc<Gateway>>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let message = format!("{} is not for {}", request.method(), request.uri().path());
    let problem = Problem::method(message).status(StatusCode::METHOD_NOT_ALLOWED);
    refuse_as_problem(&gateway, &problem, &id, request.into_body()).await
}
