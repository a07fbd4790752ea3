//! The items of a response: words, thoughts and calls of tools, and the events that tell of each.

use serde_json::{Value, json};

/// An event's name and data, without its number.
type Told = (&'static str, Value);

#[derive(Debug)]
pub(super) enum Kind {
    Message,
    Reasoning,
    Call {
        /// The provider's number of it.
        index: u64,
        call_id: String,
        name: String,
    },
}

#[derive(Debug)]
pub(super) struct Item {
    id: String,
    pub(super) kind: Kind,
    /// The words, or the arguments.
    pub(super) text: String,
    pub(super) is_open: bool,
}

impl Item {
    pub(super) fn new(response: &str, at: usize, kind: Kind) -> Self {
        let prefix = match kind {
            Kind::Message => "msg",
            Kind::Reasoning => "rs",
            Kind::Call { .. } => "fc",
        };
        let own = response.strip_prefix("resp_").unwrap_or(response);
        Self { id: format!("{prefix}_{own}_{at}"), kind, text: String::new(), is_open: true }
    }

    pub(super) fn continues_with(&self, next: &Kind) -> bool {
        let is_same = match (&self.kind, next) {
            (Kind::Message, Kind::Message) | (Kind::Reasoning, Kind::Reasoning) => true,
            (Kind::Call { index, .. }, Kind::Call { index: next, .. }) => index == next,
            _ => false,
        };
        self.is_open && is_same
    }

    pub(super) fn opening(&self, at: usize) -> Vec<Told> {
        let mut item = self.object();
        if !matches!(self.kind, Kind::Call { .. }) {
            item["content"] = json!([]);
        }
        let mut told = vec![("response.output_item.added", json!({ "output_index": at, "item": item }))];
        if let Some(part) = self.part() {
            told.push(("response.content_part.added", self.of_part(at, "part", part)));
        }
        told
    }

    pub(super) fn delta(&self, at: usize, piece: &str) -> Told {
        match self.kind {
            Kind::Message => {
                let mut data = self.of_part(at, "delta", piece.into());
                data["logprobs"] = json!([]);
                ("response.output_text.delta", data)
            }
            Kind::Reasoning => ("response.reasoning_text.delta", self.of_part(at, "delta", piece.into())),
            Kind::Call { .. } => {
                let data = json!({ "item_id": self.id, "output_index": at, "delta": piece });
                ("response.function_call_arguments.delta", data)
            }
        }
    }

    pub(super) fn closing(&self, at: usize) -> Vec<Told> {
        let text = || Value::from(self.text.as_str());
        let mut told = match &self.kind {
            Kind::Message => {
                let mut data = self.of_part(at, "text", text());
                data["logprobs"] = json!([]);
                vec![("response.output_text.done", data)]
            }
            Kind::Reasoning => vec![("response.reasoning_text.done", self.of_part(at, "text", text()))],
            Kind::Call { name, .. } => {
                let data = json!({ "item_id": self.id, "output_index": at, "name": name, "arguments": self.text });
                vec![("response.function_call_arguments.done", data)]
            }
        };
        if let Some(part) = self.part() {
            told.push(("response.content_part.done", self.of_part(at, "part", part)));
        }
        told.push(("response.output_item.done", json!({ "output_index": at, "item": self.object() })));
        told
    }

    /// As it is now.
    pub(super) fn object(&self) -> Value {
        let status = if self.is_open { "in_progress" } else { "completed" };
        let content = || self.part().map(|part| json!([part])).unwrap_or_default();
        match &self.kind {
            Kind::Message => json!({
                "id": self.id, "type": "message", "status": status, "role": "assistant", "content": content(),
            }),
            Kind::Reasoning => json!({
                "id": self.id, "type": "reasoning", "status": status, "summary": [], "content": content(),
            }),
            Kind::Call { call_id, name, .. } => json!({
                "id": self.id, "type": "function_call", "status": status, "call_id": call_id, "name": name,
                "arguments": self.text,
            }),
        }
    }

    /// Its one part; none of a call.
    fn part(&self) -> Option<Value> {
        match self.kind {
            Kind::Message => {
                Some(json!({ "type": "output_text", "text": self.text, "annotations": [], "logprobs": [] }))
            }
            Kind::Reasoning => Some(json!({ "type": "reasoning_text", "text": self.text })),
            Kind::Call { .. } => None,
        }
    }

    fn of_part(&self, at: usize, name: &str, value: Value) -> Value {
        let mut data = json!({ "item_id": self.id, "output_index": at, "content_index": 0 });
        data[name] = value;
        data
    }
}
