//! A request of responses in the form of chat completions, for providers that know only those. What has no other form
//! is refused by name: an answer to half a request is none.

use serde_json::{Map, Value, json};

use crate::error::ModelError;

/// Members that are translated here, or that the other form does without.
const TRANSLATED: &[&str] = &[
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "reasoning",
    "store",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

/// The same request as chat completions have it.
pub fn chat_request(body: &Map<String, Value>) -> Result<Map<String, Value>, ModelError> {
    if body.get("truncation").is_some_and(|how| how == "auto") {
        return Err(ModelError::invalid("truncation is not supported by this model: send what it has room for"));
    }
    let passed = body.iter().filter(|(name, _)| !TRANSLATED.contains(&name.as_str()));
    let mut chat: Map<String, Value> = passed.map(|(name, value)| (name.clone(), value.clone())).collect();
    chat.insert("messages".into(), messages(body)?.into());
    if let Some(most) = body.get("max_output_tokens") {
        chat.insert("max_tokens".into(), most.clone());
    }
    if let Some(tools) = body.get("tools").and_then(Value::as_array) {
        chat.insert("tools".into(), tools.iter().map(tool).collect::<Result<Value, _>>()?);
    }
    if let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) {
        chat.insert("tool_choice".into(), tool_choice(choice)?);
    }
    if let Some(effort) = body.get("reasoning").and_then(|reasoning| reasoning["effort"].as_str()) {
        chat.insert("reasoning_effort".into(), effort.into());
    }
    let format = body.get("text").map(|text| &text["format"]).filter(|format| format.is_object());
    if let Some(format) = format.map(response_format).transpose()?.flatten() {
        chat.insert("response_format".into(), format);
    }
    Ok(chat)
}

fn messages(body: &Map<String, Value>) -> Result<Vec<Value>, ModelError> {
    let mut messages = Vec::new();
    match body.get("instructions") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => messages.push(json!({ "role": "system", "content": text })),
        Some(_) => return Err(ModelError::invalid("instructions must be a text")),
    }
    match body.get("input") {
        Some(Value::Array(items)) => items.iter().try_for_each(|item| add(&mut messages, item))?,
        text => messages.push(json!({ "role": "user", "content": text })),
    }
    Ok(messages)
}

/// Adds one item of the input to the conversation.
fn add(messages: &mut Vec<Value>, item: &Value) -> Result<(), ModelError> {
    match item["type"].as_str() {
        None | Some("message") => {
            let role = item["role"].as_str().unwrap_or("user");
            messages.push(json!({ "role": role, "content": content(&item["content"])? }));
        }
        Some("function_call") => {
            let function = json!({ "name": item["name"], "arguments": item["arguments"] });
            let call = json!({ "id": item["call_id"], "type": "function", "function": function });
            match messages.last_mut() {
                // Calls follow the words that they belong to, and each other.
                Some(last) if last["role"] == "assistant" => match &mut last["tool_calls"] {
                    Value::Array(calls) => calls.push(call),
                    none => *none = json!([call]),
                },
                _ => messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] })),
            }
        }
        Some("function_call_output") => {
            let output = content(&item["output"])?;
            messages.push(json!({ "role": "tool", "tool_call_id": item["call_id"], "content": output }));
        }
        // What a model thought before is its own, and no other reads it.
        Some("reasoning") => {}
        Some(other) => return Err(unknown("item", other)),
    }
    Ok(())
}

/// A content, whose parts have other names.
fn content(content: &Value) -> Result<Value, ModelError> {
    match content {
        Value::Array(parts) => parts.iter().map(part).collect::<Result<Value, _>>(),
        text => Ok(text.clone()),
    }
}

fn part(part: &Value) -> Result<Value, ModelError> {
    let mut translated = match part["type"].as_str().unwrap_or_default() {
        "input_text" | "output_text" | "text" => json!({ "type": "text", "text": part["text"] }),
        "refusal" => json!({ "type": "text", "text": part["refusal"] }),
        "input_image" if part["image_url"].is_string() => {
            let mut image = json!({ "url": part["image_url"] });
            if part["detail"].is_string() {
                image["detail"] = part["detail"].clone();
            }
            json!({ "type": "image_url", "image_url": image })
        }
        other => return Err(unknown("part", other)),
    };
    if !part["cache_control"].is_null() {
        translated["cache_control"] = part["cache_control"].clone();
    }
    Ok(translated)
}

fn tool(tool: &Value) -> Result<Value, ModelError> {
    match tool["type"].as_str() {
        Some("function") => {
            let members = tool.as_object().into_iter().flatten();
            let (own, outer): (Map<_, _>, Map<_, _>) = members
                .map(|(name, value)| (name.clone(), value.clone()))
                .partition(|(name, _)| name != "type" && name != "cache_control");
            let mut translated = Value::Object(outer);
            translated["function"] = Value::Object(own);
            Ok(translated)
        }
        Some(kind @ "custom") => Err(unknown("tool", kind)),
        _ => Ok(tool.clone()),
    }
}

fn tool_choice(choice: &Value) -> Result<Value, ModelError> {
    match choice["type"].as_str() {
        None => Ok(choice.clone()),
        Some("function") => Ok(json!({ "type": "function", "function": { "name": choice["name"] } })),
        Some(other) => Err(unknown("tool_choice", other)),
    }
}

/// The form of the answer; none of a text.
fn response_format(format: &Value) -> Result<Option<Value>, ModelError> {
    match format["type"].as_str().unwrap_or_default() {
        "text" => Ok(None),
        "json_object" => Ok(Some(json!({ "type": "json_object" }))),
        "json_schema" => {
            let members = format.as_object().into_iter().flatten().filter(|(name, _)| *name != "type");
            let schema: Map<String, Value> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
            Ok(Some(json!({ "type": "json_schema", "json_schema": schema })))
        }
        other => Err(unknown("text.format", other)),
    }
}

fn unknown(what: &str, kind: &str) -> ModelError {
    let kind: String = kind.chars().take(64).collect();
    ModelError::invalid(format!("the {what} {kind:?} is not supported by this model"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(body: &Value) -> Value {
        Value::Object(chat_request(body.as_object().expect("an object")).expect("it has a form"))
    }

    #[test]
    fn a_conversation_with_tools_is_the_same_conversation() {
        let body = json!({
            "model": "m", "instructions": "Be brief.", "max_output_tokens": 7, "temperature": 0.5, "store": true,
            "reasoning": {"effort": "low"}, "x_new": 1,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "list"}]},
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Well."}]},
                {"type": "function_call", "call_id": "t1", "name": "ls", "arguments": "{}"},
                {"type": "function_call", "call_id": "t2", "name": "ls", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t1", "output": "a.txt"},
            ],
            "tools": [{"type": "function", "name": "ls", "parameters": {"type": "object"}, "strict": true}],
            "tool_choice": {"type": "function", "name": "ls"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": true}},
        });
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "ls", "arguments": "{}"}});
        let function = json!({"name": "ls", "parameters": {"type": "object"}, "strict": true});
        let expected = json!({
            "model": "m", "max_tokens": 7, "temperature": 0.5, "reasoning_effort": "low", "x_new": 1,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "list"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Well."}], "tool_calls": [call("t1"), call("t2")]},
                {"role": "tool", "tool_call_id": "t1", "content": "a.txt"},
            ],
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": "ls"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": true}},
        });
        assert_eq!(translated(&body), expected);
    }

    #[test]
    fn a_text_is_a_message_and_an_image_keeps_its_place() {
        assert_eq!(translated(&json!({"input": "hi"}))["messages"], json!([{"role": "user", "content": "hi"}]));
        let image = json!({"type": "input_image", "image_url": "https://a/b.png", "detail": "low"});
        let body = translated(&json!({"input": [{"role": "user", "content": [image]}]}));
        let expected = json!([{"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}]);
        assert_eq!(body["messages"][0]["content"], expected);
    }

    #[test]
    fn what_has_no_other_form_is_refused_by_name() {
        for (more, name) in [
            (json!({"input": [{"type": "item_reference", "id": "x"}]}), "item_reference"),
            (json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}), "input_file"),
            (json!({"input": "x", "tools": [{"type": "custom", "name": "x"}]}), "custom"),
            (json!({"input": "x", "tool_choice": {"type": "allowed_tools"}}), "allowed_tools"),
            (json!({"input": "x", "truncation": "auto"}), "truncation"),
            (json!({"input": "x", "instructions": []}), "instructions"),
            (json!({"input": "x", "text": {"format": {"type": "grammar"}}}), "grammar"),
        ] {
            let error = chat_request(more.as_object().expect("an object")).expect_err("it is refused").to_string();
            assert!(error.contains(name), "{more}: {error}");
        }
    }
}
