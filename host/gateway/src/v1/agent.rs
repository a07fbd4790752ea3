//! An agent as a model, `agent:<id>`: the last message of a request becomes a turn of that agent, by whatever answers
//! the tenant's method `agent`, and its answer is told as a model's.
//!
//! - `question`: what a request asks of an agent, and in which session.
//! - `outcome`: what came of the turn.
//! - `stream`: the same while it happens.

mod outcome;
mod question;
mod stream;

use std::sync::Arc;

use axum::{
    body::Bytes,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use openclaw_models::{Endpoint, Rendering, event::Event};
use openclaw_tenancy::TenantRecord;
use serde_json::{Map, Value, json, value::to_raw_value};
use tokio::runtime::Handle;

use super::{Asked, tell};
use crate::{Gateway, auth::Identity, reply::Problem, request::Call};

use outcome::Outcome;
use question::Question;

/// What the name of a model begins with that is an agent.
const STARTS: [&str; 2] = ["agent:", "openclaw:"];

/// The agent that a model's name means.
pub(super) fn named(model: &str) -> Option<&str> {
    STARTS.iter().find_map(|start| model.strip_prefix(start))
}

/// An agent's name as a model.
pub(super) fn model_of(agent: &str) -> String {
    format!("{}{agent}", STARTS[0])
}

/// The ids of a tenant's agents.
pub(super) async fn listed(gateway: &Gateway, asked: &Asked, id: &Arc<str>) -> Result<Vec<String>, Problem> {
    let answer = dispatch(gateway, &asked.identity, &asked.tenant, ("agents.list", &json!({})), id).await?;
    let agents = answer["agents"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(agents.iter().filter_map(|agent| agent["id"].as_str().map(str::to_owned)).collect())
}

/// Has the agent answer.
pub(super) async fn answer(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    (endpoint, body): (Endpoint, Map<String, Value>),
    session: Option<String>,
    id: &Arc<str>,
) -> Result<Response, Problem> {
    let question = Question::read(endpoint, &body, session)?;
    let rendering = Rendering::new(endpoint, &question.run_id, &question.model, Timestamp::now().as_second(), &body);
    let abort = AbortOnDrop::new(gateway, asked, &question.run_id, id);
    let turn = turn(gateway.clone(), asked, &question, id.clone());
    if question.is_streamed {
        return stream::respond((gateway, asked), question, rendering, (turn, abort), id).await;
    }
    let outcome = turn.await;
    abort.disarm();
    Ok(whole(&question, &outcome?, rendering))
}

/// The call of `agent`, and what came of it.
fn turn(
    gateway: Arc<Gateway>,
    asked: &Asked,
    question: &Question,
    id: Arc<str>,
) -> impl Future<Output = Result<Outcome, Problem>> + Send + use<> {
    let (identity, tenant) = (asked.identity.clone(), asked.tenant.clone());
    let (params, model) = (question.params(), question.model.clone());
    async move {
        match dispatch(&gateway, &identity, &tenant, ("agent", &params), &id).await {
            Ok(answer) => Outcome::read(&answer),
            Err(problem) if problem.code == "NOT_FOUND" => Err(Problem::no_model(&model)),
            Err(problem) => Err(problem),
        }
    }
}

fn whole(question: &Question, outcome: &Outcome, mut rendering: Rendering) -> Response {
    rendering.add(&Event::Text(outcome.text.clone()));
    rendering.add(&Event::Stop(outcome.stop.clone()));
    let body = Bytes::from(rendering.whole(&outcome.tokens).to_string());
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    told(&mut response, question);
    tell(&mut response, "x-openclaw-cost-usd", &outcome.cost);
    tell(&mut response, "x-openclaw-outcome", "ok");
    if let Some(provider) = &outcome.provider {
        tell(&mut response, "x-openclaw-provider", provider);
    }
    if let Some(model) = &outcome.model {
        tell(&mut response, "x-openclaw-model", model);
    }
    response
}

/// What is known of a turn before it has ended.
fn told(response: &mut Response, question: &Question) {
    tell(response, "x-openclaw-run-id", &question.run_id);
    tell(response, "x-openclaw-session-key", &question.session_key);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A call of a tenant's method that belongs to an admitted request. Answers its result.
async fn dispatch(
    gateway: &Gateway,
    identity: &Identity,
    tenant: &Arc<TenantRecord>,
    (method, params): (&str, &Value),
    id: &Arc<str>,
) -> Result<Value, Problem> {
    let params = to_raw_value(params).map_err(Problem::internal)?;
    let call = Call { method: method.to_owned(), params: Some(&params), id: None };
    let own = identity.tenant.is_some().then(|| tenant.clone());
    let answer = gateway.dispatch(identity, own, &call, id).await?;
    openclaw_config::json::read(answer.as_bytes(), openclaw_config::json::DEPTH_MAX).map_err(Problem::internal)
}

/// Ends the run of a request that nobody waits for any more: its turn ends with its call, and what waits in line would
/// begin one.
struct AbortOnDrop {
    gateway: Arc<Gateway>,
    identity: Identity,
    tenant: Arc<TenantRecord>,
    run_id: String,
    id: Arc<str>,
    is_armed: bool,
}

impl AbortOnDrop {
    fn new(gateway: &Arc<Gateway>, asked: &Asked, run_id: &str, id: &Arc<str>) -> Self {
        Self {
            gateway: gateway.clone(),
            identity: asked.identity.clone(),
            tenant: asked.tenant.clone(),
            run_id: run_id.to_owned(),
            id: id.clone(),
            is_armed: true,
        }
    }

    /// The run has come to its end.
    fn disarm(mut self) {
        self.is_armed = false;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (gateway, identity, tenant) = (self.gateway.clone(), self.identity.clone(), self.tenant.clone());
        let (params, id) = (json!({ "runId": self.run_id }), self.id.clone());
        runtime.spawn(async move {
            let ended = dispatch(&gateway, &identity, &tenant, ("sessions.abort", &params), &id).await;
            if let Err(Problem { code, message, .. }) = ended {
                tracing::debug!(request_id = &*id, code, detail = message, "a run that nobody waits for is not ended");
            }
        });
    }
}
