//! One answer of the model: asked for, told piece by piece while it comes, and put together.

use crate::context::Context;
use crate::money;
use crate::run::Usage;
use crate::teller::Teller;
use openclaw_sdk::model::{Chunk, Model};
use openclaw_sdk::{Error, Result, now_ms};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long pieces are gathered: the first are told soon, those of a long answer seldom.
const WINDOW_FIRST: Duration = Duration::from_millis(60);
const WINDOW_STEP: Duration = Duration::from_millis(10);
const WINDOW_MOST: Duration = Duration::from_secs(1);

/// The most bytes of one answer that are kept.
const TEXT_BYTES: usize = 512 << 10;

/// A model as it is offered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offered {
    pub(crate) id: String,
    pub(crate) context_window: Option<u64>,
    #[serde(default)]
    pub(crate) reasoning: bool,
}

/// What is the same in every request of a run.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) model: Option<&'a str>,
    pub(crate) system: &'a str,
    pub(crate) tools: &'a [Value],
    pub(crate) effort: Option<&'a str>,
    pub(crate) agent: &'a str,
    pub(crate) session_key: &'a str,
    pub(crate) run_id: &'a str,
}

/// A request of chat completions.
#[derive(Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    messages: Vec<&'a RawValue>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tools: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    /// Whose turn it is, for the ledger.
    openclaw: Value,
}

/// A tool that the model wants to be used.
#[derive(Debug, PartialEq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// None where the model wrote no JSON object.
    pub(crate) arguments: Option<Value>,
}

impl ToolCall {
    /// The arguments, for whoever watches.
    pub(crate) fn shown(&self) -> Value {
        self.arguments.clone().unwrap_or_default()
    }
}

/// An answer, or what there is of one.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    reasoning: String,
    parts: BTreeMap<u64, Part>,
    pub(crate) usage: Usage,
    pub(crate) cost: u128,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Default)]
struct Part {
    id: Option<String>,
    name: String,
    arguments: String,
}

/// How reading an answer ended.
pub(crate) enum Read {
    Whole,
    /// Whoever watches has had enough.
    Stopped,
    Failed(Error),
}

impl Asking<'_> {
    /// Asks, and reads until the end or until `goes_on` says otherwise. What was said so far is in the answer,
    /// however it ends.
    pub(crate) fn ask(
        &self,
        model: &Model,
        context: &Context,
        teller: Option<&Teller>,
        goes_on: impl Fn() -> Result<bool>,
    ) -> (Answer, Read) {
        let mut answer = Answer::default();
        let read = match self.read(model, context, teller, goes_on, &mut answer) {
            Ok(true) => Read::Whole,
            Ok(false) => Read::Stopped,
            Err(error) => Read::Failed(error),
        };
        (answer, read)
    }

    fn read(
        &self,
        model: &Model,
        context: &Context,
        teller: Option<&Teller>,
        goes_on: impl Fn() -> Result<bool>,
        answer: &mut Answer,
    ) -> Result<bool> {
        let system = RawValue::from_string(json!({ "role": "system", "content": self.system }).to_string())?;
        let mut completion = model.complete(&self.request(&system, context))?;
        let mut window = WINDOW_FIRST;
        loop {
            let chunks = completion.gather(window)?;
            if chunks.is_empty() {
                return Ok(true);
            }
            let begun = answer.text.len();
            chunks.iter().try_for_each(|chunk| answer.take(chunk))?;
            if let Some(teller) = teller
                && answer.text.len() > begun
            {
                teller.said(&answer.text, &answer.text[begun..])?;
            }
            if !goes_on()? {
                return Ok(false);
            }
            window = (window + WINDOW_STEP).min(WINDOW_MOST);
        }
    }

    fn request<'a>(&'a self, system: &'a RawValue, context: &'a Context) -> Request<'a> {
        let conversation = context.messages().iter().map(|message| &**message);
        Request {
            model: self.model,
            messages: std::iter::once(system).chain(conversation).collect(),
            tools: self.tools,
            reasoning_effort: self.effort,
            // The ledger keeps names of 256 bytes.
            openclaw: json!({ "agent": self.agent, "session": self.session_key, "run": self.run_id }),
        }
    }
}

impl Answer {
    fn take(&mut self, chunk: &Chunk) -> Result<()> {
        let data: Value = chunk.parse()?;
        match chunk.kind.as_str() {
            "text" => grow(&mut self.text, &data["text"]),
            "reasoning" => grow(&mut self.reasoning, &data["text"]),
            "tool-call" => self.call_part(&data),
            "usage" => self.used(&data),
            "end" => {
                let text = |name: &str| data[name].as_str().map(str::to_owned);
                (self.reason, self.provider, self.model) = (text("reason"), text("provider"), text("model"));
            }
            _ => {}
        }
        Ok(())
    }

    fn call_part(&mut self, data: &Value) {
        let part = self.parts.entry(data["index"].as_u64().unwrap_or_default()).or_default();
        if let Some(id) = data["id"].as_str() {
            part.id = Some(id.to_owned());
        }
        if let Some(name) = data["name"].as_str() {
            part.name.push_str(name);
        }
        grow(&mut part.arguments, &data["arguments"]);
    }

    fn used(&mut self, data: &Value) {
        let count = |name: &str| data[name].as_u64().unwrap_or_default();
        let reasoning = count("reasoningTokens");
        let (input, output) = (count("inputTokens"), count("outputTokens") + reasoning);
        let (cache_read, cache_write) = (count("cacheReadTokens"), count("cacheWriteTokens"));
        let cost = data["costUsd"].as_str().unwrap_or("0");
        self.cost = money::parse(cost).unwrap_or_default();
        self.usage = Usage {
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            total_tokens: input + output + cache_read + cache_write,
            cost_usd: cost.to_owned(),
        };
    }

    /// The tools that are wanted, in their order.
    pub(crate) fn tool_calls(&self) -> Vec<ToolCall> {
        let call = |(index, part): (&u64, &Part)| ToolCall {
            id: part.id.clone().unwrap_or_else(|| format!("call_{index}")),
            name: part.name.clone(),
            arguments: arguments(&part.arguments),
        };
        self.parts.iter().map(call).collect()
    }

    /// As the transcript has it.
    pub(crate) fn message(&self, stop_reason: &str, error: Option<&str>) -> Value {
        let mut content = Vec::new();
        if !self.reasoning.is_empty() {
            content.push(json!({ "type": "thinking", "thinking": self.reasoning }));
        }
        if !self.text.is_empty() {
            content.push(json!({ "type": "text", "text": self.text }));
        }
        for call in self.tool_calls() {
            let arguments = call.arguments.unwrap_or_else(|| json!({}));
            content.push(json!({ "type": "toolCall", "id": call.id, "name": call.name, "arguments": arguments }));
        }
        let mut message = json!({
            "role": "assistant", "content": content, "usage": self.usage, "stopReason": stop_reason,
            "timestamp": now_ms(),
        });
        for (name, value) in [("provider", &self.provider), ("model", &self.model)] {
            if let Some(value) = value {
                message[name] = value.as_str().into();
            }
        }
        if let Some(error) = error {
            message["errorMessage"] = error.into();
        }
        message
    }
}

impl Usage {
    pub(crate) fn add(&mut self, other: &Self, cost: u128) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
        self.total_tokens += other.total_tokens;
        self.cost_usd = money::print(cost);
    }
}

fn grow(text: &mut String, piece: &Value) {
    if let Some(piece) = piece.as_str()
        && text.len() + piece.len() <= TEXT_BYTES
    {
        text.push_str(piece);
    }
}

/// What a model wrote as the arguments of a tool. Nothing at all is an empty object.
#[allow(clippy::disallowed_methods, reason = "depth is bounded by serde_json, and every member is looked at by name")]
fn arguments(text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return Some(json!({}));
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}
