//! `GET /v1/usage` and `GET /v1/usage/report`: a tenant's own usage.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use openclaw_runtime::Scope;
use serde::Deserialize;

use crate::{
    Gateway,
    billing::{Format, query_of},
    http::{Peer, RequestId},
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
    let answered = async {
        let identity = gateway.identify(peer, &headers)?;
        let call = Call { method: "tenants.usage".into(), params: None, id: None };
        gateway.call(&identity, &call, &id).await
    };
    match answered.await {
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
    let reported = async {
        let asked = gateway.asked_for_tenant(peer, &headers, Scope::Read, &id).await?;
        let Query(wanted) = wanted.map_err(|error| Problem::params(error.body_text()))?;
        let format = wanted.format.as_deref().map_or(Some(Format::Json), Format::named);
        let format = format.ok_or_else(|| Problem::params("format is json, csv or table"))?;
        let query = query_of(&gateway, Some(asked.tenant.id.clone()), wanted.period.as_deref())?;
        let ledger = &gateway.services().usage;
        let report = async {
            let table = if wanted.calls { ledger.calls(&query).await } else { ledger.report(&query).await };
            table.map_err(Problem::internal)
        };
        let table = gateway.measured_for(&asked.identity, "GET /v1/usage/report", &id, report).await?;
        let (kind, content) = match format {
            Format::Json => ("application/json", table.to_json().to_string().into_bytes()),
            Format::Csv => ("text/csv; charset=utf-8", table.to_csv()),
            Format::Text => ("text/plain; charset=utf-8", table.to_text().into_bytes()),
        };
        Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], content).into_response())
    };
    reported.await.unwrap_or_else(|problem: Problem| problem.response(&id))
}
