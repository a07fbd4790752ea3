//! Events of any provider as OpenAI's interface tells them: as the events of a stream, or as one whole answer. Those of
//! chat completions are made here, those of responses in `responses.rs`.

use openclaw_billing::TokenCounts;
use serde_json::{Map, Value, json};

use crate::event::{Event, Frame};
use crate::request::Endpoint;
use crate::responses::Response;

/// An answer that is being told, in the form of the interface that was asked.
#[derive(Debug)]
pub enum Rendering {
    Chat(Completion),
    Response(Response),
}

impl Rendering {
    /// Of an answer with this name; `request` is what it answers.
    pub fn new(endpoint: Endpoint, name: &str, model: &str, created: i64, request: &Map<String, Value>) -> Self {
        match endpoint {
            Endpoint::Responses => Self::Response(Response::new(&format!("resp_{name}"), model, created, request)),
            Endpoint::Chat | Endpoint::Embeddings => {
                Self::Chat(Completion::new(format!("chatcmpl-{name}"), model.to_owned(), created))
            }
        }
    }

    /// What a stream tells of an event; nothing of what its interface does not know.
    pub fn tell(&mut self, event: &Event) -> Vec<Frame> {
        match self {
            Self::Chat(completion) => {
                completion.chunk(event).map(|data| Frame { name: "", data }).into_iter().collect()
            }
            Self::Response(response) => response.tell(event),
        }
    }

    /// What a stream tells at its end.
    pub fn end(&mut self, tokens: &TokenCounts) -> Vec<Frame> {
        match self {
            Self::Chat(_) => Vec::new(),
            Self::Response(response) => response.end(tokens),
        }
    }

    /// Adds an event to the whole answer.
    pub fn add(&mut self, event: &Event) {
        match self {
            Self::Chat(completion) => completion.add(event),
            Self::Response(response) => drop(response.tell(event)),
        }
    }

    /// The whole answer, once it is there.
    pub fn whole(self, tokens: &TokenCounts) -> Value {
        match self {
            Self::Chat(completion) => completion.whole(Some(tokens)),
            Self::Response(response) => response.whole(tokens),
        }
    }
}

/// One chat completion.
#[derive(Debug)]
pub struct Completion {
    id: String,
    model: String,
    created: i64,
    /// Tool calls in the order in which they begin: providers number them as they like.
    calls: Vec<u64>,
    has_begun: bool,
    message: Message,
}

/// What was said so far.
#[derive(Debug, Default)]
struct Message {
    text: String,
    reasoning: String,
    calls: Vec<Call>,
    stop: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Completion {
    pub(crate) fn new(id: String, model: String, created: i64) -> Self {
        Self { id, model, created, calls: Vec::new(), has_begun: false, message: Message::default() }
    }

    /// The chunk that tells an event; none for what chat completions do not tell.
    pub(crate) fn chunk(&mut self, event: &Event) -> Option<Value> {
        let (delta, stop) = match event {
            Event::Text(text) => (json!({ "content": text }), None),
            Event::Reasoning(text) => (json!({ "reasoning_content": text }), None),
            Event::ToolCall { index, id, name, arguments } => {
                let mut call = json!({ "index": self.place(*index), "function": { "arguments": arguments } });
                if let Some(name) = name {
                    call["function"]["name"] = name.as_str().into();
                    call["type"] = "function".into();
                }
                if let Some(id) = id {
                    call["id"] = id.as_str().into();
                }
                (json!({ "tool_calls": [call] }), None)
            }
            Event::Stop(reason) => (json!({}), Some(finish_reason(reason))),
            Event::Usage(Ok(tokens)) => return Some(self.frame(json!([]), Some(usage(tokens)))),
            Event::Failed(_) | Event::Served { .. } | Event::Usage(Err(_)) | Event::Other(_) => return None,
        };
        Some(self.choice(delta, stop))
    }

    /// Adds an event to the whole answer.
    pub(crate) fn add(&mut self, event: &Event) {
        match event {
            Event::Text(text) => self.message.text.push_str(text),
            Event::Reasoning(text) => self.message.reasoning.push_str(text),
            Event::ToolCall { index, id, name, arguments } => {
                let place = self.place(*index);
                self.message.calls.resize_with(self.calls.len(), Call::default);
                let call = &mut self.message.calls[place];
                call.id.push_str(id.as_deref().unwrap_or_default());
                call.name.push_str(name.as_deref().unwrap_or_default());
                call.arguments.push_str(arguments);
            }
            Event::Stop(reason) => self.message.stop = Some(finish_reason(reason)),
            Event::Failed(_) | Event::Served { .. } | Event::Usage(_) | Event::Other(_) => {}
        }
    }

    /// The whole answer, once it is there.
    pub(crate) fn whole(self, tokens: Option<&TokenCounts>) -> Value {
        let Message { text, reasoning, calls, stop } = self.message;
        let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
        let says_nothing = text.is_empty() && !calls.is_empty();
        message.insert("content".into(), if says_nothing { Value::Null } else { text.into() });
        if !reasoning.is_empty() {
            message.insert("reasoning_content".into(), reasoning.into());
        }
        if !calls.is_empty() {
            let call = |call: Call| {
                json!({ "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": call.arguments } })
            };
            message.insert("tool_calls".into(), calls.into_iter().map(call).collect());
        }
        let choice =
            json!({ "index": 0, "message": message, "finish_reason": stop.unwrap_or("stop"), "logprobs": null });
        let mut body = json!({ "id": self.id, "object": "chat.completion", "created": self.created,
            "model": self.model, "choices": [choice] });
        if let Some(tokens) = tokens {
            body["usage"] = usage(tokens);
        }
        body
    }

    fn place(&mut self, index: u64) -> usize {
        self.calls.iter().position(|known| *known == index).unwrap_or_else(|| {
            self.calls.push(index);
            self.calls.len() - 1
        })
    }

    fn choice(&mut self, mut delta: Value, stop: Option<&str>) -> Value {
        if !std::mem::replace(&mut self.has_begun, true) {
            delta["role"] = "assistant".into();
        }
        self.frame(json!([{ "index": 0, "delta": delta, "finish_reason": stop }]), None)
    }

    fn frame(&self, choices: Value, usage: Option<Value>) -> Value {
        let mut frame = json!({ "id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices });
        if let Some(usage) = usage {
            frame["usage"] = usage;
        }
        frame
    }
}

/// Token classes as OpenAI reports them: one inside another.
pub(crate) fn usage(tokens: &TokenCounts) -> Value {
    let (input, output) = (tokens.input(), tokens.output());
    let written = tokens.input_cache_write.saturating_add(tokens.input_cache_write_1h);
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": { "cached_tokens": tokens.input_cache_read, "cache_write_tokens": written },
        "completion_tokens_details": { "reasoning_tokens": tokens.output_reasoning },
    })
}

fn finish_reason(reason: &str) -> &'static str {
    match reason {
        "max_tokens" | "length" | "model_context_window_exceeded" => "length",
        "tool_use" | "tool_calls" => "tool_calls",
        "refusal" | "content_filter" => "content_filter",
        _ => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::from_openai;

    fn call(index: u64, id: Option<&str>, arguments: &str) -> Event {
        let name = id.map(|_| "ls".to_owned());
        Event::ToolCall { index, id: id.map(str::to_owned), name, arguments: arguments.into() }
    }

    #[test]
    fn an_answer_told_in_chunks_reads_as_it_was_said() {
        let mut completion = Completion::new("c1".into(), "m".into(), 7);
        let first = completion.chunk(&Event::Text("Hi".into())).expect("a chunk");
        assert_eq!(first["choices"][0]["delta"], json!({"role": "assistant", "content": "Hi"}));
        // The third block of a message is its first tool call.
        let begun = completion.chunk(&call(2, Some("t1"), "")).expect("a chunk");
        assert_eq!(begun["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        let stop = completion.chunk(&Event::Stop("tool_use".into())).expect("a chunk");
        assert_eq!(stop["choices"][0]["finish_reason"], "tool_calls");
    }

    #[test]
    fn a_whole_answer_has_its_calls_together() {
        let mut completion = Completion::new("c1".into(), "m".into(), 7);
        for event in [call(1, Some("t1"), "{\"a\""), call(1, None, ":1}"), Event::Stop("tool_calls".into())] {
            completion.add(&event);
        }
        let whole = completion.whole(None);
        let message = &whole["choices"][0]["message"];
        assert_eq!(
            (&message["content"], &message["tool_calls"][0]["function"]["arguments"]),
            (&Value::Null, &json!("{\"a\":1}"))
        );
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    }

    #[test]
    fn classes_that_were_taken_apart_are_put_together_as_they_were() {
        let tokens = TokenCounts {
            input_uncached: 5,
            input_cache_read: 300,
            input_cache_write: 20,
            output_text: 7,
            output_reasoning: 3,
            ..TokenCounts::default()
        };
        assert_eq!(from_openai(&usage(&tokens)), Ok(tokens));
    }
}
