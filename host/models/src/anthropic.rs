//! Anthropic's messages: a request in its form, and the pieces of a streamed answer.

use serde_json::Value;

use crate::event::{Event, text};
use crate::usage::{from_anthropic, merge_reports};

mod request;

pub(crate) use request::message_request;

/// One stream. It keeps the usage, which comes in two reports that are only whole together.
#[derive(Debug, Default)]
pub struct MessageStream {
    usage: Value,
}

impl MessageStream {
    /// The events of one server-sent event's data. The usage is given once, at `message_stop`.
    pub fn read(&mut self, data: &Value) -> Vec<Event> {
        match data["type"].as_str() {
            Some("message_start") => {
                let message = &data["message"];
                merge_reports(&mut self.usage, &message["usage"]);
                vec![Event::Served { id: text(&message["id"]), model: text(&message["model"]) }]
            }
            Some("content_block_start") => block_start(data),
            Some("content_block_delta") => block_delta(data),
            Some("message_delta") => {
                merge_reports(&mut self.usage, &data["usage"]);
                text(&data["delta"]["stop_reason"]).map(Event::Stop).into_iter().collect()
            }
            Some("message_stop") => vec![Event::Usage(from_anthropic(&self.usage))],
            Some("content_block_stop" | "ping") => Vec::new(),
            Some("error") => vec![Event::Failed(data["error"].clone())],
            _ => vec![Event::Other(data.clone())],
        }
    }
}

fn block_start(data: &Value) -> Vec<Event> {
    let block = &data["content_block"];
    match block["type"].as_str() {
        Some("tool_use") => vec![Event::ToolCall {
            index: index(data),
            id: text(&block["id"]),
            name: text(&block["name"]),
            arguments: String::new(),
        }],
        Some("text" | "thinking") => Vec::new(),
        _ => vec![Event::Other(data.clone())],
    }
}

fn block_delta(data: &Value) -> Vec<Event> {
    let delta = &data["delta"];
    let event = match delta["type"].as_str() {
        Some("text_delta") => text(&delta["text"]).map(Event::Text),
        Some("thinking_delta") => text(&delta["thinking"]).map(Event::Reasoning),
        Some("input_json_delta") => text(&delta["partial_json"]).map(|arguments| Event::ToolCall {
            index: index(data),
            id: None,
            name: None,
            arguments,
        }),
        _ => Some(Event::Other(data.clone())),
    };
    event.into_iter().collect()
}

fn index(data: &Value) -> u64 {
    data["index"].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use openclaw_billing::TokenCounts;

    fn read(stream: &[Value]) -> Vec<Event> {
        let mut reader = MessageStream::default();
        stream.iter().flat_map(|data| reader.read(data)).collect()
    }

    #[test]
    fn a_whole_stream_with_thinking_a_tool_and_a_cache() {
        let start = json!({"input_tokens": 3, "cache_read_input_tokens": 1500, "cache_creation_input_tokens": 20, "output_tokens": 1});
        let events = read(&[
            json!({"type": "message_start", "message": {"id": "msg_1", "usage": start}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "ping"}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}}),
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 42}}),
            json!({"type": "message_stop"}),
        ]);
        let used = TokenCounts {
            input_uncached: 3,
            input_cache_read: 1500,
            input_cache_write: 20,
            output_text: 42,
            ..TokenCounts::default()
        };
        let call = |id: Option<&str>, name: Option<&str>, arguments: &str| Event::ToolCall {
            index: 2,
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            arguments: arguments.to_owned(),
        };
        let expected = [
            Event::Served { id: Some("msg_1".into()), model: None },
            Event::Reasoning("hm".into()),
            Event::Text("Hi".into()),
            call(Some("toolu_1"), Some("ls"), ""),
            call(None, None, "{}"),
            Event::Stop("tool_use".into()),
            Event::Usage(Ok(used)),
        ];
        assert_eq!(events, expected);
    }

    /// The first report has one placeholder token of output, which is not what was used.
    #[test]
    fn a_stream_that_breaks_off_gives_no_usage() {
        let start = json!({"input_tokens": 3, "output_tokens": 1});
        let error = json!({"type": "overloaded_error", "message": "Overloaded"});
        let events = read(&[
            json!({"type": "message_start", "message": {"usage": start}}),
            json!({"type": "error", "error": error}),
        ]);
        assert_eq!(events, [Event::Served { id: None, model: None }, Event::Failed(error)]);
    }

    #[test]
    fn what_is_new_passes_through() {
        let unknown = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}});
        assert_eq!(read(std::slice::from_ref(&unknown)), [Event::Other(unknown)]);
    }
}
