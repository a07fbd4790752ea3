//! The baseline of P1, P2 and P4: an HTTP server with the gateway's own steps
//! and stores, whose handlers are native Rust instead of components.
//!
//! Same as the gateway: hyper and axum, connection settings, request ids,
//! token hash and constant-time compare, rate limiter, usage counter, params
//! against a closed schema, document store, config store, response headers.
//! Left out: Host and Origin checks, the limiter of failed authentications,
//! batches, the check for duplicate keys and depth, per-tenant admission, the
//! log line of a call, the check of a result against its schema (types
//! guarantee it here), and everything of WebAssembly.

pub(crate) mod bare_sqlite;
mod handlers;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::StreamExt;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use openclaw_billing::Instants;
use openclaw_runtime::ServicesParts;
use openclaw_tenancy::TenantRecord;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::net::TcpListener;

use crate::services;
use handlers::Handlers;

/// The word that makes this binary the baseline server; then home, address and kind.
pub(crate) const VERB: &str = "native-server";
/// The kind for P1 and P2: the gateway's document store.
pub(crate) const READS: &str = "store";
/// The kind for P4: bare rusqlite.
pub(crate) const WRITES: &str = "bare-sqlite";

const BODY_MAX: usize = 8 << 20;
const HEAD_TIME: std::time::Duration = std::time::Duration::from_secs(10);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The server process.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let [home, address, kind] = arguments else { bail!("native-server HOME ADDRESS KIND") };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(home, address, kind))
}

struct Server {
    parts: Arc<ServicesParts>,
    handlers: Handlers,
    started: Instant,
}

async fn serve(home: &str, address: &str, kind: &str) -> Result<()> {
    let (parts, _, _lock) = services::open(Path::new(home))?;
    let parts = Arc::new(parts);
    let handlers = Handlers::new(parts.clone(), kind == WRITES)?;
    let server = Arc::new(Server { parts, handlers, started: Instant::now() });
    let app = Router::new().route("/rpc", post(rpc)).with_state(server);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
        tokio::spawn(connection);
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

async fn rpc(State(server): State<Arc<Server>>, request: Request) -> Response {
    let request_id = ulid::Ulid::new().to_string();
    let mut response = match server.reply(request).await {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

impl Server {
    async fn reply(&self, request: Request) -> Result<String> {
        let (parts, body) = request.into_parts();
        let tenant = self.authenticate(&parts.headers)?;
        ensure!(parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json"), "not JSON");
        let body = read(body).await?;
        let frame: Frame<'_> = serde_json::from_slice(&body)?;
        ensure!(frame.jsonrpc == "2.0", "not JSON-RPC 2.0");
        let now = Instants { monotonic: self.started.elapsed(), wall: jiff::Timestamp::now() };
        self.parts.rates.check(&tenant.id, &tenant.quotas, now).ok().context("over its rate")?;
        self.parts.usage.record_request(&tenant.id, now.wall);
        let params = frame.params.map_or("{}", RawValue::get);
        let result = self.handlers.call(&tenant, frame.method, params).await?;
        Ok(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, frame.id.get()))
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<TenantRecord>> {
        let value = headers.get(header::AUTHORIZATION).context("no token")?.to_str()?;
        let token = value.strip_prefix("Bearer ").context("no bearer token")?;
        Ok(self.parts.registry.authenticate(token)?.tenant)
    }
}

async fn read(body: Body) -> Result<Vec<u8>> {
    let mut taken = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        taken.extend_from_slice(&chunk?);
        ensure!(taken.len() <= BODY_MAX, "too large");
    }
    Ok(taken)
}

/// Makes sure that the baseline does the same work: the same answer but for clocks.
pub(crate) fn check_same(method: &str, gateway: &Value, native: &Value) -> Result<()> {
    let mut sides = [gateway.clone(), native.clone()];
    sides.iter_mut().for_each(strip_clocks);
    let keys = |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<BTreeSet<_>>());
    ensure!(keys(&sides[0]) == keys(&sides[1]), "{method}: other members than the baseline: {gateway} and {native}");
    ensure!(sides[0] == sides[1], "{method}: another answer than the baseline: {gateway} and {native}");
    Ok(())
}

fn strip_clocks(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !matches!(name.as_str(), "ts" | "durationMs" | "age"));
            members.values_mut().for_each(strip_clocks);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_clocks),
        _ => {}
    }
}
