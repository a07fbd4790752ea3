//! `GET /v1/models`: what a tenant can call.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use openclaw_models::Offered;
use openclaw_runtime::Scope;
use serde_json::{Value, json};

use super::answer;
use crate::{
    Gateway,
    http::{Peer, RequestId, refuse_as_openai},
    reply::Problem,
};

/// `GET /v1/models`
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    let asked = match gateway.asked_for_tenant(peer, &headers, Scope::Read, &id).await {
        Ok(asked) => asked,
        Err(problem) => return refuse_as_openai(&gateway, &problem, &id, Body::empty()).await,
    };
    let listed = async {
        let data: Vec<Value> = gateway.services().models.offered().iter().map(row).collect();
        Ok(axum::Json(json!({ "object": "list", "data": data })).into_response())
    };
    answer(gateway.answered(&asked.identity, Some(&asked.tenant), "GET /v1/models", &id, listed).await, &id)
}

/// `GET /v1/models/{id}`
pub(super) async fn one(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let asked = match gateway.asked_for_tenant(peer, &headers, Scope::Read, &id).await {
        Ok(asked) => asked,
        Err(problem) => return refuse_as_openai(&gateway, &problem, &id, Body::empty()).await,
    };
    let found = async {
        let offered = gateway.services().models.offered();
        let model = offered.iter().find(|model| model.id == name);
        let model = model.ok_or_else(|| Problem::no_model(&name))?;
        Ok(axum::Json(row(model)).into_response())
    };
    answer(gateway.answered(&asked.identity, Some(&asked.tenant), "GET /v1/models/{id}", &id, found).await, &id)
}

fn row(model: &Offered) -> Value {
    json!({ "id": model.id, "object": "model", "created": 0, "owned_by": model.provider })
}
