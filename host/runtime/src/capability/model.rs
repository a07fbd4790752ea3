//! `model`: language models, metered by the host. What a component asks for is billed to its tenant.

use std::{collections::VecDeque, time::Duration};

use openclaw_billing::{CallRow, Caller, Limits, Refusal, ReserveError};
use openclaw_config::json;
use openclaw_models::{Answer, Ask, Endpoint, ModelError, NO_MODEL, Piece, ProviderError, event::Event};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Resource;

use super::{CapabilityError, QUOTA_EXCEEDED};
use crate::{
    CallError, LimitsError,
    bindings::openclaw::gateway::model::{self, Chunk},
    call::{CallState, Turn},
    capability::calls::Call,
};

/// When a provider that failed is tried again, where it says nothing itself.
pub(super) const RETRY_MS: u32 = 5_000;

/// Most tools that one answer of a model calls.
const TOOLS: usize = 128;

/// The longest that pieces are gathered.
const GATHER_MOST: Duration = Duration::from_secs(10);

/// The models of the calling tenant.
#[derive(Debug)]
pub struct Provider;

/// An answer on its way. Dropped with the call at the latest; what was used is billed.
#[derive(Debug)]
pub struct Completion {
    answer: Answer,
    /// What came with the last piece and was not asked for yet.
    waiting: VecDeque<Chunk>,
    reason: Option<String>,
    /// Told once what waits is answered.
    failed: Option<Broken>,
    has_ended: bool,
}

/// Why an answer has no more.
#[derive(Debug)]
enum Broken {
    Call(ModelError),
    Answer(CapabilityError),
}

impl model::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Provider>, CapabilityError> {
        self.granted("model")?;
        self.tenant()?;
        if self.migrating {
            return Err(CapabilityError::forbidden("a migration calls no model"));
        }
        Ok(self.table.push(Provider)?)
    }
}

impl model::HostProvider for CallState {
    async fn complete(
        &mut self,
        _provider: Resource<Provider>,
        request: Vec<u8>,
    ) -> Result<Resource<Completion>, CapabilityError> {
        // To read and to count a long request is this call's own time.
        self.meter.begin();
        let tenant = self.tenant()?.id.clone();
        let read = || json::read(&request, json::DEPTH_MAX);
        let Ok(Value::Object(mut body)) = self.services.at_length(Some(&tenant), request.len(), read).await else {
            return Err(CapabilityError::invalid("a request is a JSON object"));
        };
        let ask = self.ask(&mut body)?;
        let (caller, tools) = (ask.caller.clone(), results(&body));
        let answer = match self.services.call_model(Ask { body, ..ask }).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(error)),
        };
        // A call that is not admitted is free, and leaves no row.
        self.services.meter_tools(caller, tools).await.map_err(CapabilityError::internal)?;
        let completion = Completion { answer, waiting: VecDeque::new(), reason: None, failed: None, has_ended: false };
        Ok(self.table.push(completion)?)
    }

    async fn models(&mut self, _provider: Resource<Provider>) -> Result<Vec<u8>, CapabilityError> {
        let offered = self.services.models.offered();
        let allowed = offered.into_iter().filter(|model| self.grants.allow_model(&model.id));
        let listed: Vec<Value> = allowed
            .map(|model| {
                let name = model.name.as_ref().unwrap_or(&model.id);
                let mut row = json!({ "id": model.id, "name": name, "provider": model.provider });
                if let Some(window) = model.context_window {
                    row["contextWindow"] = window.into();
                }
                if model.reasoning {
                    row["reasoning"] = true.into();
                }
                row
            })
            .collect();
        serde_json::to_vec(&listed).map_err(CapabilityError::internal)
    }

    async fn drop(&mut self, provider: Resource<Provider>) -> wasmtime::Result<()> {
        self.table.delete(provider)?;
        Ok(())
    }
}

impl model::HostCompletion for CallState {
    async fn next(&mut self, completion: Resource<Completion>) -> Result<Option<Chunk>, CapabilityError> {
        self.wait_for_chunk(&completion).await?;
        Ok(self.table.get_mut(&completion)?.waiting.pop_front())
    }

    async fn gather(&mut self, completion: Resource<Completion>, for_ms: u32) -> Result<Vec<Chunk>, CapabilityError> {
        self.wait_for_chunk(&completion).await?;
        let end = Instant::now() + Duration::from_millis(for_ms.into()).min(GATHER_MOST);
        let this = self.table.get_mut(&completion)?;
        while !this.has_ended
            && this.failed.is_none()
            && let Ok(next) = timeout_at(end, this.answer.next()).await
        {
            this.arrived(next);
        }
        Ok(this.waiting.drain(..).collect())
    }

    async fn drop(&mut self, completion: Resource<Completion>) -> wasmtime::Result<()> {
        self.table.delete(completion)?;
        Ok(())
    }
}

impl CallState {
    /// Waits until there is something to answer, or the end.
    async fn wait_for_chunk(&mut self, completion: &Resource<Completion>) -> Result<(), CapabilityError> {
        let this = self.table.get_mut(completion)?;
        while this.waiting.is_empty() && !this.has_ended && this.failed.is_none() {
            let next = this.answer.next().await;
            this.arrived(next);
        }
        // What came before a failure is answered first.
        if this.waiting.is_empty()
            && let Some(failed) = this.failed.take()
        {
            this.has_ended = true;
            return Err(match failed {
                Broken::Call(error) => self.refused(error),
                Broken::Answer(error) => error,
            });
        }
        Ok(())
    }
}

impl Completion {
    fn arrived(&mut self, next: Option<Result<Piece, ModelError>>) {
        match next {
            Some(Ok(piece)) => self.failed = self.take(piece).err().map(Broken::Answer),
            Some(Err(error)) => self.failed = Some(Broken::Call(error)),
            None => self.has_ended = true,
        }
    }

    fn take(&mut self, piece: Piece) -> Result<(), CapabilityError> {
        match piece {
            Piece::Chunk { events, .. } => {
                for event in events {
                    if matches!(event, Event::Failed(_)) {
                        let message = format!("{} broke the answer off", self.answer.provider);
                        return Err(CapabilityError::unavailable(message).retry_after(RETRY_MS));
                    }
                    if let Event::Stop(reason) = &event {
                        self.reason = Some(reason.clone());
                    }
                    self.waiting.extend(told(event));
                }
            }
            // A server that was asked for a stream and answered as a whole.
            Piece::Body(body) => {
                let body = json::read(&body, json::DEPTH_MAX).map_err(CapabilityError::internal)?;
                let reason = body["choices"][0]["finish_reason"].as_str();
                self.reason = reason.map(str::to_owned);
                self.waiting.extend(openclaw_models::openai::whole(&body).into_iter().filter_map(told));
            }
            Piece::End(row) => {
                self.has_ended = true;
                let reason = self.reason.take();
                self.waiting.extend([
                    used(&row),
                    chunk(
                        "end",
                        &json!({ "reason": reason, "model": row.model_requested,
                    "provider": row.provider }),
                    ),
                ]);
            }
        }
        Ok(())
    }
}

impl CallState {
    /// Whose call it is, and what it is held to. The body becomes that of OpenAI's interface.
    fn ask(&mut self, body: &mut Map<String, Value>) -> Result<Ask, CapabilityError> {
        let default = self.services.models.default_model();
        let asked = body.get("model").and_then(Value::as_str).map(str::to_owned);
        let name = asked.or(default).ok_or_else(|| CapabilityError::invalid(NO_MODEL))?;
        if !self.grants.allow_model(&name) {
            return Err(CapabilityError::forbidden(format!("model:{name} is not granted to this component")));
        }
        if let Some(most) = body.remove("maxTokens") {
            body.insert("max_tokens".into(), most);
        }
        let told = body.remove("openclaw").unwrap_or_default();
        let named = |name: &str| told[name].as_str().filter(|text| text.len() <= 256).map(str::to_owned);
        body.insert("model".into(), name.into());
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({ "include_usage": true }));
        let turn = Turn { agent: named("agent").unwrap_or_default(), session: named("session"), run: named("run") };
        let (caller, limits) = (self.billed(turn.clone())?, self.model_limits(&turn.agent)?);
        self.turn = Some(turn);
        Ok(Ask { caller, limits, method: self.call()?.method.to_string(), endpoint: Endpoint::Chat, body: Map::new() })
    }

    /// What a call for the tenant, one of its agents and this component is held to.
    pub(super) fn model_limits(&self, agent: &str) -> Result<Limits, CapabilityError> {
        let limits = self.services.model_limits(self.tenant()?, agent);
        let mut limits = limits.map_err(|error| match error {
            LimitsError::NoAgent(_) => CapabilityError::invalid(error.to_string()),
            LimitsError::Call(CallError::Refused(refusal)) => CapabilityError::Refused(refusal),
            LimitsError::Call(other) => CapabilityError::unavailable(other.to_string()),
        })?;
        limits.component_cost_per_day = self.grants.model_budget();
        Ok(limits)
    }

    /// Who a call of a model is billed to. The component's budget is the family's, so that a swapped version goes on
    /// with what is left.
    pub(super) fn billed(&self, turn: Turn) -> Result<Caller, CapabilityError> {
        let component = self.family().map(ToString::to_string).unwrap_or_default();
        let Turn { agent, session, run } = turn;
        Ok(Caller { tenant: self.current_tenant()?.id.clone(), agent, session, run, component })
    }

    /// What the guest is told of a call that was not made, or broke off. A refusal of the ledger's is kept beside the
    /// call, so that the client reads all of it.
    pub(super) fn refused(&mut self, error: ModelError) -> CapabilityError {
        let message = error.to_string();
        match error {
            ModelError::Reserve(ReserveError::Refused(refusal)) => self.over_budget(refusal),
            ModelError::Unknown(_) | ModelError::Invalid(_) => CapabilityError::invalid(message),
            ModelError::Reserve(ReserveError::Unpriced(_) | ReserveError::TooLarge(_)) => {
                CapabilityError::invalid(message)
            }
            ModelError::Reserve(ReserveError::Ledger(_)) | ModelError::Settle(_) => CapabilityError::internal(message),
            ModelError::Busy => CapabilityError::unavailable(message).retry_after(RETRY_MS),
            ModelError::Provider(error) if error.is_of_the_request() => CapabilityError::invalid(message),
            ModelError::Provider(error) => CapabilityError::unavailable(message).retry_after(wait(&error)),
        }
    }

    fn over_budget(&mut self, refusal: Box<Refusal>) -> CapabilityError {
        let message = refusal.said();
        let request_id = self.facts.as_ref().map(|facts| facts.request_id.to_string()).unwrap_or_default();
        let data = match refusal.to_json(&request_id) {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        self.over_quota = Some(refusal);
        CapabilityError::new(QUOTA_EXCEEDED, message).with_data(data)
    }
}

fn wait(error: &ProviderError) -> u32 {
    error.retry_after().map_or(RETRY_MS, |wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
}

fn chunk(kind: &str, data: &Value) -> Chunk {
    Chunk { kind: kind.into(), data: data.to_string().into_bytes() }
}

/// The pieces of which an answer is made; what it used comes with its end.
fn told(event: Event) -> Option<Chunk> {
    match event {
        Event::Text(text) => Some(chunk("text", &json!({ "text": text }))),
        Event::Reasoning(text) => Some(chunk("reasoning", &json!({ "text": text }))),
        Event::ToolCall { index, id, name, arguments } => {
            let mut call = json!({ "index": index, "arguments": arguments });
            if let Some(id) = id {
                call["id"] = id.into();
            }
            if let Some(name) = name {
                call["name"] = name.into();
            }
            Some(chunk("tool-call", &call))
        }
        Event::Served { .. } | Event::Usage(_) | Event::Stop(_) | Event::Failed(_) | Event::Other(_) => None,
    }
}

/// What the call was billed for, as its row has it.
fn used(row: &CallRow) -> Chunk {
    let tokens = row.tokens;
    chunk(
        "usage",
        &json!({
            "id": row.id.to_string(),
            "inputTokens": tokens.input_uncached,
            "cacheReadTokens": tokens.input_cache_read,
            "cacheWriteTokens": tokens.input_cache_write.saturating_add(tokens.input_cache_write_1h),
            "outputTokens": tokens.output_text,
            "reasoningTokens": tokens.output_reasoning,
            "costUsd": row.cost.to_string(),
            "outcome": row.outcome.name(),
        }),
    )
}

/// Tools that were used since the model's last answer: what they gave back ends the conversation, and there is none that
/// the model did not call.
fn results(body: &Map<String, Value>) -> u64 {
    let messages = body.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let given = messages.iter().rev().take_while(|message| message["role"] == "tool").count();
    let answer = messages.iter().rev().nth(given);
    let called = answer.and_then(|answer| answer["tool_calls"].as_array()).map_or(0, Vec::len);
    given.min(called).min(TOOLS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(messages: Value) -> u64 {
        results(&Map::from_iter([("messages".to_owned(), messages)]))
    }

    #[test]
    fn tools_that_the_model_called_and_that_answered_are_counted() {
        let (called, tool) = (json!({ "role": "assistant", "tool_calls": [{}, {}] }), json!({ "role": "tool" }));
        assert_eq!(used(json!([called, tool])), 1);
        assert_eq!(used(json!([called, tool, called, tool, tool])), 2, "those of before were counted before");
        assert_eq!(used(json!([called, tool, { "role": "user" }])), 0);
    }

    #[test]
    fn what_nobody_called_is_not_counted() {
        let tool = json!({ "role": "tool" });
        assert_eq!(used(json!([tool, tool, tool])), 0);
        assert_eq!(used(json!([{ "role": "assistant", "tool_calls": [{}] }, tool, tool, tool])), 1);
        let many = vec![tool; TOOLS + 1];
        let called = json!({ "role": "assistant", "tool_calls": many });
        assert_eq!(used([vec![called], many].concat().into()), TOOLS as u64);
    }
}
