//! A request of chat completions in the form of Anthropic's messages. What both know is translated, what neither of
//! us knows passes through and is judged by the provider.

use openclaw_config::json;
use serde_json::{Map, Value, json};

/// Members that are translated here, or that the other form does without.
const TRANSLATED: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "user",
    "n",
    "store",
];

/// The body of `POST /messages`, always streamed.
pub(crate) fn message_request(chat: &Map<String, Value>, model: &str, max_tokens: u64) -> Map<String, Value> {
    let passed = chat.iter().filter(|(name, _)| !TRANSLATED.contains(&name.as_str()));
    let mut body: Map<String, Value> = passed.map(|(name, value)| (name.clone(), value.clone())).collect();
    let (system, messages) = turns(chat.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
    body.insert("model".into(), model.into());
    body.insert("max_tokens".into(), max_tokens.into());
    body.insert("stream".into(), true.into());
    body.insert("messages".into(), messages.into());
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    match chat.get("stop") {
        Some(Value::String(stop)) => drop(body.insert("stop_sequences".into(), json!([stop]))),
        Some(stop @ Value::Array(_)) => drop(body.insert("stop_sequences".into(), stop.clone())),
        _ => {}
    }
    if let Some(tools) = chat.get("tools").and_then(Value::as_array) {
        body.insert("tools".into(), tools.iter().map(tool).collect());
        let serial = chat.get("parallel_tool_calls") == Some(&Value::Bool(false));
        if let Some(choice) = tool_choice(chat.get("tool_choice"), serial) {
            body.insert("tool_choice".into(), choice);
        }
    }
    if let Some(user) = chat.get("user").and_then(Value::as_str) {
        body.entry("metadata").or_insert_with(|| json!({ "user_id": user }));
    }
    body
}

/// The system's blocks, and the turns: what one side says in a row is one of them.
fn turns(messages: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let (mut system, mut turns) = (Vec::new(), Vec::<(&str, Vec<Value>)>::new());
    for message in messages {
        let (role, blocks) = match message["role"].as_str() {
            Some("system" | "developer") => {
                system.extend(blocks(&message["content"]));
                continue;
            }
            Some("assistant") => ("assistant", said(message)),
            Some("tool") => ("user", vec![tool_result(message)]),
            _ => ("user", blocks(&message["content"])),
        };
        match turns.last_mut() {
            Some((last, had)) if *last == role => had.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    (system, turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect())
}

fn said(message: &Value) -> Vec<Value> {
    let mut said = blocks(&message["content"]);
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        let input = json::read(arguments.as_bytes(), json::DEPTH_MAX).unwrap_or_else(|_| json!({}));
        said.push(json!({ "type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": input }));
    }
    said
}

fn tool_result(message: &Value) -> Value {
    let mut result = json!({ "type": "tool_result", "tool_use_id": message["tool_call_id"] });
    let content = blocks(&message["content"]);
    if !content.is_empty() {
        result["content"] = content.into();
    }
    result
}

/// A message's content as blocks; an empty text is none.
fn blocks(content: &Value) -> Vec<Value> {
    match content {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![json!({ "type": "text", "text": text })],
        Value::Array(parts) => parts.iter().map(block).collect(),
        _ => Vec::new(),
    }
}

/// One part of a content; what is a block already stays one.
fn block(part: &Value) -> Value {
    if part["type"] != "image_url" {
        return part.clone();
    }
    let url = part["image_url"]["url"].as_str().unwrap_or_default();
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let source = match inline {
        Some((media, data)) => json!({ "type": "base64", "media_type": media, "data": data }),
        None => json!({ "type": "url", "url": url }),
    };
    let mut image = json!({ "type": "image", "source": source });
    if !part["cache_control"].is_null() {
        image["cache_control"] = part["cache_control"].clone();
    }
    image
}

fn tool(tool: &Value) -> Value {
    let Some(function) = tool["function"].as_object() else { return tool.clone() };
    let mut translated = Map::new();
    for (name, value) in function {
        let name = if name == "parameters" { "input_schema" } else { name };
        translated.insert(name.to_owned(), value.clone());
    }
    translated.entry("input_schema").or_insert_with(|| json!({ "type": "object" }));
    translated.remove("strict");
    if !tool["cache_control"].is_null() {
        translated.insert("cache_control".into(), tool["cache_control"].clone());
    }
    Value::Object(translated)
}

fn tool_choice(choice: Option<&Value>, serial: bool) -> Option<Value> {
    let mut translated = match choice {
        Some(Value::String(word)) => match word.as_str() {
            "none" => return Some(json!({ "type": "none" })),
            "required" => json!({ "type": "any" }),
            _ => json!({ "type": "auto" }),
        },
        Some(Value::Object(named)) => match named.get("function") {
            Some(function) => json!({ "type": "tool", "name": function["name"] }),
            None => Value::Object(named.clone()),
        },
        _ if serial => json!({ "type": "auto" }),
        _ => return None,
    };
    if serial {
        translated["disable_parallel_tool_use"] = true.into();
    }
    Some(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(chat: &Value) -> Value {
        Value::Object(message_request(chat.as_object().expect("an object"), "claude", 99))
    }

    #[test]
    fn a_conversation_with_tools() {
        let call = json!({"id": "t1", "type": "function", "function": {"name": "ls", "arguments": "{\"path\":\".\"}"}});
        let chat = json!({"model": "x", "n": 1, "top_k": 5, "stop": "END", "user": "u", "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": "list"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t1", "content": "a.txt"},
            {"role": "user", "content": "and?"},
        ], "tools": [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}]});
        let body = translated(&chat);
        let expected = json!({"model": "claude", "max_tokens": 99, "stream": true, "top_k": 5, "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "ls", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "list"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ls", "input": {"path": "."}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a.txt"}]},
                {"type": "text", "text": "and?"},
            ]},
        ]});
        assert_eq!(body, expected);
    }

    #[test]
    fn images_and_choices_have_their_own_forms() {
        let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        let chat = json!({"messages": [{"role": "user", "content": [image("data:image/png;base64,AAAA"), image("https://a/b.png")]}],
            "tools": [], "tool_choice": {"type": "function", "function": {"name": "ls"}}, "parallel_tool_calls": false});
        let body = translated(&chat);
        let content = &body["messages"][0]["content"];
        assert_eq!(content[0]["source"], json!({"type": "base64", "media_type": "image/png", "data": "AAAA"}));
        assert_eq!(content[1]["source"], json!({"type": "url", "url": "https://a/b.png"}));
        let choice = json!({"type": "tool", "name": "ls", "disable_parallel_tool_use": true});
        assert_eq!(body["tool_choice"], choice);
    }
}
