//! `GET /metrics`: for the operator alone, since it tells of every tenant's work.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use prometheus_client::encoding::prometheus_text;

use super::process;
use crate::{
    Gateway,
    http::{Peer, RequestId, refuse_as_problem},
    reply::Problem,
};

pub(crate) async fn scrape(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    match gateway.identify(peer, &headers) {
        Ok(identity) if identity.caller.is_operator() => {}
        Ok(_) => {
            let problem = Problem::forbidden("metrics are for the operator");
            return refuse_as_problem(&gateway, &problem, &id, Body::empty()).await;
        }
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, Body::empty()).await,
    }
    match gateway.metrics_text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(error) => refuse_as_problem(&gateway, &Problem::internal(error), &id, Body::empty()).await,
    }
}

impl Gateway {
    /// All metrics as they are now, in Prometheus' text.
    pub(crate) fn metrics_text(&self) -> Result<String, std::fmt::Error> {
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
        metrics.keep_components(|digest| self.runtime().plugins().is_loaded(digest));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &metrics.registry)?;
        Ok(text)
    }
}
