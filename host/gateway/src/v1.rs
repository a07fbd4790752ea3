//! `/v1`: what clients of OpenAI's interface ask, and a tenant's own usage.
//!
//! The first half speaks as OpenAI does, its errors too; each request is admitted like any call, each call of a model
//! is metered by `openclaw_models`, and an agent that is asked as a model (`agent`) is asked by the tenant's own
//! method.

mod agent;
mod completions;
mod models;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
    routing::{get, post},
};
use openclaw_runtime::Scope;
use openclaw_tenancy::TenantRecord;

use crate::{Gateway, auth::Identity, http::Peer, reply::Problem};

pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*model}", get(models::one))
        .route("/v1/chat/completions", post(completions::chat))
        .route("/v1/responses", post(completions::responses))
        .route("/v1/embeddings", post(completions::embeddings))
        .route("/v1/usage", get(usage::current))
        .route("/v1/usage/report", get(usage::report))
}

/// Who asks, and for which tenant.
pub(crate) struct Asked {
    pub(crate) identity: Identity,
    pub(crate) tenant: Arc<TenantRecord>,
}

impl Gateway {
    /// Identifies and admits a request that is about one tenant.
    pub(crate) async fn asked_for_tenant(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        scope: Scope,
        id: &Arc<str>,
    ) -> Result<Asked, Problem> {
        let identity = self.identify(peer, headers)?;
        if !identity.caller.may(scope) {
            return Err(Problem::missing_scope("this", scope));
        }
        let own = self.admit(&identity, id).await?;
        let named = || identity.acting_for.as_deref().map(|id| self.tenant(id)).transpose();
        let tenant = match own {
            Some(own) => own,
            None => named()?.ok_or_else(|| {
                Problem::request("this is about a tenant: name one with the header X-OpenClaw-Tenant")
            })?,
        };
        Ok(Asked { identity, tenant })
    }
}

/// Either of the two, as the client reads it.
pub(crate) fn answer(result: Result<Response, Problem>, id: &str) -> Response {
    result.unwrap_or_else(|problem| problem.as_openai(id))
}

/// Adds a header, where its value can be one.
fn tell(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
