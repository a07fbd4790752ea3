//! `GET /v1/models`: what a tenant can call, its agents among it.

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

use super::{agent, answer};
use crate::{
    Gateway,
    http::{Peer, RequestId, refuse_as_openai},
    reply::Problem,
};

/// Who has the agents.
const OWNER: &str = "openclaw";

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
        let mut data: Vec<Value> = gateway.services().models.offered().iter().map(row).collect();
        let agents = agent::listed(&gateway, &asked, &id).await?;
        data.extend(agents.iter().map(|agent| row_of(&agent::model_of(agent), OWNER)));
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
        let found = match (offered.iter().find(|model| model.id == name), agent::named(&name)) {
            (Some(model), _) => Some(row(model)),
            (None, Some(agent)) => {
                let agents = agent::listed(&gateway, &asked, &id).await?;
                agents.iter().any(|known| known == agent).then(|| row_of(&name, OWNER))
            }
            (None, None) => None,
        };
        let found = found.ok_or_else(|| Problem::no_model(&name))?;
        Ok(axum::Json(found).into_response())
    };
    answer(gateway.answered(&asked.identity, Some(&asked.tenant), "GET /v1/models/{id}", &id, found).await, &id)
}

fn row(model: &Offered) -> Value {
    row_of(&model.id, &model.provider)
}

fn row_of(id: &str, owner: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}
