//! `GET /v1/usage` and `GET /v1/usage/report`: a tenant's own usage.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use openclaw_runtime::Scope;
use serde::Deserialize;

use crate::{
    Gateway,
    billing::{Format, query_of},
    http::{Peer, RequestId, refuse_as_problem},
    reply::Problem,
    request::Call,
};

/// `GET /v1/usage`: what `tenants.usage` answers, by the same way.
pub(super) async fn current(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    let identity = match gateway.identify(peer, &headers) {
        Ok(identity) => identity,
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, Body::empty()).await,
    };
    let call = Call { method: "tenants.usage".into(), params: None, id: None };
    match gateway.call(&identity, &call, &id).await {
        Ok(json) => {
            ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json).into_response()
        }
        Err(problem) => problem.response(&id),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    period: Option<String>,
    #[serde(default)]
    calls: bool,
    format: Option<String>,
}

/// `GET /v1/usage/report?period=&calls=&format=`
pub(super) async fn report(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = match gateway.asked_for_tenant(peer, &headers, Scope::Read, &id).await {
        Ok(asked) => asked,
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, Body::empty()).await,
    };
    let report = async {
        let Query(wanted) = wanted.map_err(|error| Problem::params(error.body_text()))?;
        let format = wanted.format.as_deref().map_or(Some(Format::Json), Format::named);
        let format = format.ok_or_else(|| Problem::params("format is json, csv or table"))?;
        let query = query_of(&gateway, Some(asked.tenant.id.clone()), wanted.period.as_deref())?;
        let ledger = &gateway.services().usage;
        let table = if wanted.calls { ledger.calls(&query).await } else { ledger.report(&query).await };
        let table = table.map_err(Problem::internal)?;
        let (kind, content) = match format {
            Format::Json => ("application/json", table.to_json().to_string().into_bytes()),
            Format::Csv => ("text/csv; charset=utf-8", table.to_csv()),
            Format::Text => ("text/plain; charset=utf-8", table.to_text().into_bytes()),
        };
        Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], content).into_response())
    };
    let reported = gateway.answered(&asked.identity, Some(&asked.tenant), "GET /v1/usage/report", &id, report).await;
    reported.unwrap_or_else(|problem| problem.response(&id))
}
