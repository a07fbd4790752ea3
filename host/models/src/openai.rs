//! OpenAI's chat completions: the pieces of a streamed answer.

use serde_json::Value;

use crate::event::{Event, text};
use crate::usage::from_openai;

/// The data of a stream's last event, which is not JSON.
pub const DONE: &str = "[DONE]";

/// The events of one `chat.completion.chunk`, of the first choice.
///
/// The usage comes in a chunk of its own without choices (`stream_options.include_usage`), or, from some servers,
/// beside the last choice; `"usage": null` on the others means nothing.
pub fn chunk(chunk: &Value) -> Vec<Event> {
    if !chunk["error"].is_null() {
        return vec![Event::Failed(chunk["error"].clone())];
    }
    let mut events = Vec::new();
    let choice = &chunk["choices"][0];
    let delta = &choice["delta"];
    // Servers of reasoning models use one of these two names, and some the same text under both.
    events.extend(text(&delta["reasoning_content"]).or_else(|| text(&delta["reasoning"])).map(Event::Reasoning));
    events.extend(text(&delta["content"]).map(Event::Text));
    events.extend(delta["tool_calls"].as_array().into_iter().flatten().map(tool_call));
    events.extend(text(&choice["finish_reason"]).map(Event::Stop));
    if !chunk["usage"].is_null() {
        events.push(Event::Usage(from_openai(&chunk["usage"])));
    }
    if !chunk["choices"].is_array() && events.is_empty() {
        events.push(Event::Other(chunk.clone()));
    }
    events
}

fn tool_call(part: &Value) -> Event {
    Event::ToolCall {
        index: part["index"].as_u64().unwrap_or(0),
        id: text(&part["id"]),
        name: text(&part["function"]["name"]),
        arguments: text(&part["function"]["arguments"]).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::usage::TokenClasses;

    #[test]
    fn text_then_stop_then_usage() {
        let of = |delta: Value, reason: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": null});
        assert_eq!(chunk(&of(json!({"role": "assistant", "content": ""}), Value::Null)), []);
        assert_eq!(chunk(&of(json!({"content": "Hi"}), Value::Null)), [Event::Text("Hi".into())]);
        assert_eq!(chunk(&of(json!({}), json!("stop"))), [Event::Stop("stop".into())]);
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10});
        let used = TokenClasses { input_uncached: 9, output_text: 1, ..TokenClasses::default() };
        assert_eq!(chunk(&json!({"choices": [], "usage": usage})), [Event::Usage(Ok(used))]);
    }

    #[test]
    fn reasoning_under_both_of_its_names_is_said_once() {
        let delta = json!({"reasoning_content": "hm", "reasoning": "hm"});
        assert_eq!(chunk(&json!({"choices": [{"delta": delta}]})), [Event::Reasoning("hm".into())]);
    }

    #[test]
    fn a_tool_call_comes_in_parts() {
        let of = |call: Value| json!({"choices": [{"delta": {"tool_calls": [call]}}]});
        let first =
            of(json!({"index": 1, "id": "call_1", "type": "function", "function": {"name": "ls", "arguments": ""}}));
        let expected =
            Event::ToolCall { index: 1, id: Some("call_1".into()), name: Some("ls".into()), arguments: String::new() };
        assert_eq!(chunk(&first), [expected]);
        let next = of(json!({"index": 1, "function": {"arguments": "{\"a\""}}));
        assert_eq!(chunk(&next), [Event::ToolCall { index: 1, id: None, name: None, arguments: "{\"a\"".into() }]);
    }

    #[test]
    fn an_error_within_the_stream_and_a_chunk_of_another_kind() {
        let error = json!({"message": "overloaded"});
        assert_eq!(chunk(&json!({"error": error})), [Event::Failed(error)]);
        let unknown = json!({"object": "something.new"});
        assert_eq!(chunk(&unknown), [Event::Other(unknown.clone())]);
    }

    #[test]
    fn usage_that_lies_is_told_as_such() {
        let lie = json!({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 99}});
        assert!(matches!(chunk(&json!({"choices": [], "usage": lie}))[..], [Event::Usage(Err(_))]));
    }
}
