//! The interface of responses for providers that have none: their requests as chat completions, their events told as
//! those of a response.

mod items;
pub(crate) mod request;
#[cfg(test)]
mod tests;

use openclaw_billing::TokenCounts;
use serde_json::{Map, Value, json};

use crate::event::{Event, Frame};
use items::{Item, Kind};

/// Members of a request that its response repeats, and what they are where the request has none.
fn repeated() -> [(&'static str, Value); 12] {
    [
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", true.into()),
        ("reasoning", json!({ "effort": null, "summary": null })),
        ("temperature", Value::Null),
        ("text", json!({ "format": { "type": "text" } })),
        ("tool_choice", "auto".into()),
        ("tools", json!([])),
        ("top_p", Value::Null),
        ("truncation", "disabled".into()),
        ("user", Value::Null),
    ]
}

/// One response that is being told.
#[derive(Debug)]
pub struct Response {
    /// What does not change of it.
    head: Map<String, Value>,
    items: Vec<Item>,
    sequence: u64,
    has_begun: bool,
    /// Why it is not complete, where it is not.
    cut_by: Option<&'static str>,
}

impl Response {
    pub(crate) fn new(id: &str, model: &str, created: i64, request: &Map<String, Value>) -> Self {
        let repeat = |(name, default): (&str, Value)| {
            let given = request.get(name).filter(|value| !value.is_null()).cloned();
            (name.to_owned(), given.unwrap_or(default))
        };
        let mut head: Map<String, Value> = repeated().into_iter().map(repeat).collect();
        head.insert("id".into(), id.into());
        head.insert("object".into(), "response".into());
        head.insert("created_at".into(), created.into());
        head.insert("model".into(), model.into());
        head.insert("error".into(), Value::Null);
        head.insert("previous_response_id".into(), Value::Null);
        head.insert("store".into(), false.into());
        Self { head, items: Vec::new(), sequence: 0, has_begun: false, cut_by: None }
    }

    /// What a stream tells of an event.
    pub(crate) fn tell(&mut self, event: &Event) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.begin(&mut frames);
        match event {
            Event::Text(text) => self.say(Kind::Message, text, &mut frames),
            Event::Reasoning(text) => self.say(Kind::Reasoning, text, &mut frames),
            Event::ToolCall { index, id, name, arguments } => {
                let call_id = id.clone().unwrap_or_else(|| format!("call_{index}"));
                let call = Kind::Call { index: *index, call_id, name: name.clone().unwrap_or_default() };
                self.say(call, arguments, &mut frames);
            }
            Event::Stop(reason) => self.cut_by = cut_by(reason),
            Event::Failed(_) | Event::Served { .. } | Event::Usage(_) | Event::Other(_) => {}
        }
        frames
    }

    /// What a stream tells at its end.
    pub(crate) fn end(&mut self, tokens: &TokenCounts) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.begin(&mut frames);
        self.close(|_| true, &mut frames);
        let name = if self.cut_by.is_some() { "response.incomplete" } else { "response.completed" };
        let response = self.object(Some(tokens));
        self.push(&mut frames, name, json!({ "response": response }));
        frames
    }

    /// The whole of it, once it is there.
    pub(crate) fn whole(mut self, tokens: &TokenCounts) -> Value {
        self.close(|_| true, &mut Vec::new());
        self.object(Some(tokens))
    }

    fn begin(&mut self, frames: &mut Vec<Frame>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        for name in ["response.created", "response.in_progress"] {
            let response = self.object(None);
            self.push(frames, name, json!({ "response": response }));
        }
    }

    /// Adds to the item that this belongs to, which is begun where there is none.
    fn say(&mut self, kind: Kind, piece: &str, frames: &mut Vec<Frame>) {
        let at = match self.items.iter().rposition(|item| item.continues_with(&kind)) {
            Some(at) => at,
            None => {
                // Words end where something else begins; calls are told side by side.
                self.close(|item| !matches!(item.kind, Kind::Call { .. }), frames);
                let at = self.items.len();
                let item = Item::new(self.id(), at, kind);
                self.items.push(item);
                for (name, data) in self.items[at].opening(at) {
                    self.push(frames, name, data);
                }
                at
            }
        };
        let item = &mut self.items[at];
        item.text.push_str(piece);
        let (name, data) = item.delta(at, piece);
        if !piece.is_empty() {
            self.push(frames, name, data);
        }
    }

    /// Ends the items that are open and of which this holds.
    fn close(&mut self, which: impl Fn(&Item) -> bool, frames: &mut Vec<Frame>) {
        for at in 0..self.items.len() {
            if self.items[at].is_open && which(&self.items[at]) {
                self.items[at].is_open = false;
                for (name, data) in self.items[at].closing(at) {
                    self.push(frames, name, data);
                }
            }
        }
    }

    fn push(&mut self, frames: &mut Vec<Frame>, name: &'static str, mut data: Value) {
        data["type"] = name.into();
        data["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        frames.push(Frame { name, data });
    }

    fn id(&self) -> &str {
        self.head["id"].as_str().unwrap_or_default()
    }

    /// As it is now: with what it used, once it has ended.
    fn object(&self, tokens: Option<&TokenCounts>) -> Value {
        let mut object = self.head.clone();
        let status = match (tokens, self.cut_by) {
            (None, _) => "in_progress",
            (Some(_), None) => "completed",
            (Some(_), Some(_)) => "incomplete",
        };
        let details = self.cut_by.map(|reason| json!({ "reason": reason }));
        object.insert("status".into(), status.into());
        object.insert("incomplete_details".into(), details.filter(|_| tokens.is_some()).unwrap_or_default());
        object.insert("output".into(), self.items.iter().map(Item::object).collect());
        object.insert("usage".into(), tokens.map(usage).unwrap_or_default());
        Value::Object(object)
    }
}

/// Token classes as responses report them: one inside another.
fn usage(tokens: &TokenCounts) -> Value {
    let (input, output) = (tokens.input(), tokens.output());
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": tokens.input_cache_read },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": tokens.output_reasoning },
        "total_tokens": input.saturating_add(output),
    })
}

fn cut_by(reason: &str) -> Option<&'static str> {
    match reason {
        "max_tokens" | "length" | "model_context_window_exceeded" => Some("max_output_tokens"),
        "refusal" | "content_filter" => Some("content_filter"),
        _ => None,
    }
}
