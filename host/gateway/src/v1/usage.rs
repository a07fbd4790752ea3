//! `GET /v1/usage` and `GET /v1/usage/report`: a tenant's own usage.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use openclaw_billing::{CallId, LedgerError, Table};
use openclaw_runtime::Scope;
use serde::Deserialize;

use super::Asked;
use crate::{
    Gateway,
    billing::{Format, query_of},
    http::{Peer, RequestId, refuse_as_problem},
    in_flight::unread,
    pieces,
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
    /// Of calls: at most so many lines, those behind the call of this id.
    limit: Option<usize>,
    after: Option<String>,
}

/// The most lines of one report: more are asked for by pages.
const LINES: usize = 10_000;

/// Bytes of a line as it is written, about: what writing a report takes its time by.
const LINE_BYTES: usize = 512;

/// `GET /v1/usage/report?period=&calls=&format=&limit=&after=`
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
        let table = table(&gateway, &asked, &wanted, &id).await?;
        let (tenant, bytes) = (Some(&asked.tenant.id), table.rows().len() * LINE_BYTES);
        let written = || match format {
            Format::Json => ("application/json", table.to_json().to_string().into_bytes()),
            Format::Csv => ("text/csv; charset=utf-8", table.to_csv()),
            Format::Text => ("text/plain; charset=utf-8", table.to_text().into_bytes()),
        };
        let (kind, content) = gateway.runtime().at_length(tenant, bytes, written).await;
        let share = gateway.replies.take(&asked.identity, content.len() as u64)?;
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
        Ok((headers, pieces::body(unread(content, Some(share)))).into_response())
    };
    let reported = gateway.answered(&asked.identity, Some(&asked.tenant), "GET /v1/usage/report", &id, report).await;
    reported.unwrap_or_else(|problem| problem.response(&id))
}

/// Has the ledger answer; one question of a tenant at a time, until it is answered.
async fn table(gateway: &Gateway, asked: &Asked, wanted: &Wanted, id: &str) -> Result<Table, Problem> {
    let page = page(wanted)?;
    let tenant = &asked.tenant.id;
    let query = query_of(gateway, Some(tenant.clone()), wanted.period.as_deref())?;
    let query = openclaw_billing::Query { most_lines: Some(LINES), ..query };
    let (ledger, calls) = (gateway.services().usage.clone(), wanted.calls);
    let place = gateway.reports.take(&asked.identity, 1)?;
    let question = async move {
        let _place = place;
        match page {
            Some((after, most)) => ledger.calls_after(&query, after, most).await,
            None if calls => ledger.calls(&query).await,
            None => ledger.report(&query).await,
        }
    };
    let answered = gateway.services().report(tenant, question).await;
    let answered = answered.map_err(|error| Problem::of_call(error, id))?;
    answered.map_err(|error| match error {
        LedgerError::TooManyLines(_) => Problem::params(format!("{error} (calls=true&limit=&after=)")),
        error => Problem::internal(error),
    })
}

/// The part of the calls that is asked for.
fn page(wanted: &Wanted) -> Result<Option<(Option<CallId>, usize)>, Problem> {
    let after = wanted.after.as_deref().map(str::parse::<CallId>).transpose();
    let after = after.map_err(|_| Problem::params("after is the request_id of a call"))?;
    match wanted.limit {
        None if after.is_none() => Ok(None),
        _ if !wanted.calls => Err(Problem::params("limit and after are of calls: ask with calls=true")),
        limit => match limit.unwrap_or(LINES) {
            most @ 1..=LINES => Ok(Some((after, most))),
            _ => Err(Problem::params(format!("limit is a number from 1 to {LINES}"))),
        },
    }
}
