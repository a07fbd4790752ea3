//! OpenAI's chat completions and responses: the pieces of an answer, streamed or whole.

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
    let mut events: Vec<Event> = served(chunk).into_iter().collect();
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

/// The events of one event of a streamed response.
pub fn response_event(data: &Value) -> Vec<Event> {
    match data["type"].as_str().unwrap_or_default() {
        "response.created" => served(&data["response"]).into_iter().collect(),
        "response.output_text.delta" => text(&data["delta"]).map(Event::Text).into_iter().collect(),
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
            text(&data["delta"]).map(Event::Reasoning).into_iter().collect()
        }
        "response.output_item.added" if data["item"]["type"] == "function_call" => vec![Event::ToolCall {
            index: data["output_index"].as_u64().unwrap_or(0),
            id: text(&data["item"]["call_id"]),
            name: text(&data["item"]["name"]),
            arguments: String::new(),
        }],
        "response.function_call_arguments.delta" => vec![Event::ToolCall {
            index: data["output_index"].as_u64().unwrap_or(0),
            id: None,
            name: None,
            arguments: text(&data["delta"]).unwrap_or_default(),
        }],
        "response.completed" | "response.incomplete" | "response.failed" => ended(&data["response"]),
        "error" => vec![Event::Failed(data.clone())],
        _ => vec![Event::Other(data.clone())],
    }
}

fn ended(response: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    if !response["usage"].is_null() {
        events.push(Event::Usage(from_openai(&response["usage"])));
    }
    if response["status"] == "failed" {
        events.push(Event::Failed(response["error"].clone()));
    } else {
        events.extend(text(&response["status"]).map(Event::Stop));
    }
    events
}

/// What the body of a whole answer says of the call: of a completion, a response or embeddings.
pub fn whole(body: &Value) -> Vec<Event> {
    let mut events: Vec<Event> = served(body).into_iter().collect();
    for choice in body["choices"].as_array().into_iter().flatten() {
        let message = &choice["message"];
        events.extend(text(&message["reasoning_content"]).map(Event::Reasoning));
        events.extend(text(&message["content"]).map(Event::Text));
        events.extend(message["tool_calls"].as_array().into_iter().flatten().map(tool_call));
    }
    for item in body["output"].as_array().into_iter().flatten() {
        if item["type"] == "function_call" {
            events.push(Event::ToolCall {
                index: 0,
                id: text(&item["call_id"]),
                name: text(&item["name"]),
                arguments: text(&item["arguments"]).unwrap_or_default(),
            });
        }
        events.extend(
            item["content"].as_array().into_iter().flatten().filter_map(|part| text(&part["text"])).map(Event::Text),
        );
    }
    if !body["usage"].is_null() {
        events.push(Event::Usage(from_openai(&body["usage"])));
    }
    events
}

fn served(body: &Value) -> Option<Event> {
    let (id, model) = (text(&body["id"]), text(&body["model"]));
    (id.is_some() || model.is_some()).then_some(Event::Served { id, model })
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
    use openclaw_billing::TokenCounts;

    #[test]
    fn text_then_stop_then_usage() {
        let of = |delta: Value, reason: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": null});
        assert_eq!(chunk(&of(json!({"role": "assistant", "content": ""}), Value::Null)), []);
        assert_eq!(chunk(&of(json!({"content": "Hi"}), Value::Null)), [Event::Text("Hi".into())]);
        assert_eq!(chunk(&of(json!({}), json!("stop"))), [Event::Stop("stop".into())]);
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10});
        let used = TokenCounts { input_uncached: 9, output_text: 1, ..TokenCounts::default() };
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
    fn a_streamed_response_ends_with_its_usage() {
        let delta = json!({"type": "response.output_text.delta", "delta": "Hi"});
        assert_eq!(response_event(&delta), [Event::Text("Hi".into())]);
        let usage = json!({"input_tokens": 9, "output_tokens": 1, "total_tokens": 10});
        let used = TokenCounts { input_uncached: 9, output_text: 1, ..TokenCounts::default() };
        let completed = json!({"type": "response.completed", "response": {"status": "completed", "usage": usage}});
        assert_eq!(response_event(&completed), [Event::Usage(Ok(used)), Event::Stop("completed".into())]);
        let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "x"}}});
        assert_eq!(response_event(&failed), [Event::Failed(json!({"code": "x"}))]);
    }

    #[test]
    fn a_whole_answer_says_who_gave_it_what_it_calls_and_what_it_used() {
        let call = json!({"id": "call_1", "function": {"name": "ls", "arguments": "{}"}});
        let body = json!({"id": "chatcmpl-1", "model": "small-2026", "choices": [{"message": {"content": "Hi", "tool_calls": [call]}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1}});
        let events = whole(&body);
        assert_eq!(events[0], Event::Served { id: Some("chatcmpl-1".into()), model: Some("small-2026".into()) });
        assert!(matches!(&events[2], Event::ToolCall { name: Some(name), .. } if name == "ls"));
        assert!(matches!(events[3], Event::Usage(Ok(_))));
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
