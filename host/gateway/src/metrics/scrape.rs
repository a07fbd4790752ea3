//! `GET /metrics`: for the operator alone, since it tells of every tenant's work.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::encoding::prometheus_text;

use super::process;
use crate::{
    Gateway,
    http::{Peer, RequestId, problem_json},
    reply::Problem,
};

pub(crate) async fn scrape(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    let identity = gateway.identify(peer, &headers).and_then(|identity| {
        let refused = || Problem::forbidden("metrics are for the operator").status(StatusCode::FORBIDDEN);
        if identity.caller.is_operator() { Ok(()) } else { Err(refused()) }
    });
    if let Err(problem) = identity {
        return refuse(&problem, &id);
    }
    match gateway.metrics_text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            problem_json(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "see the log", &id)
        }
    }
}

fn refuse(problem: &Problem, id: &RequestId) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Refused");
    let mut response = problem_json(problem.status, title, &problem.message, id);
    for (name, value) in &problem.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

impl Gateway {
    fn metrics_text(&self) -> Result<String, std::fmt::Error> {
        let metrics = self.metrics();
        let standing = self.runtime().standing();
        let registry = &self.services().registry;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.now.in_flight.set(signed(standing.running));
        metrics.now.queued.set(signed(standing.waiting));
        metrics.now.tenants.set(signed(registry.len() as u64));
        metrics.now.memory.set(signed(process::resident_bytes().unwrap_or_default()));
        let names_tenants = self.config().telemetry.tenant_label;
        metrics.keep_tenants(|id| names_tenants && registry.get(id).is_some());
        let mut text = String::new();
        prometheus_text::encode(&mut text, &metrics.registry)?;
        Ok(text)
    }
}
