//! How many tokens a request has at the most, counted before it is sent: what a call reserves.
//!
//! The count is o200k's, with four tokens a message and two in a hundred on top, since other models cut text
//! otherwise. Where a provider reports no usage, its output is counted here too.

use serde_json::{Map, Value};
use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// Tokens that a message costs besides its text.
const A_MESSAGE: u64 = 4;

/// Tokens of a part that is no text: an image, a sound, a file. Providers count them by what is in them.
const A_MEDIUM: u64 = 2_048;

/// Bytes that are counted at once: no text takes more than a moment, however it is made.
const PIECE: usize = 8 * 1024;

/// What of a request's members a model reads.
const READ: &[&str] =
    &["messages", "input", "instructions", "prompt", "system", "tools", "functions", "response_format", "text"];

/// The tokens of everything that the model reads, with the margins.
pub(crate) fn of_request(body: &Map<String, Value>) -> u64 {
    let read = READ.iter().filter_map(|name| body.get(*name).map(|value| (*name, value)));
    let counted: u64 = read
        .map(|(name, value)| match name {
            "messages" => messages(value),
            "input" | "instructions" | "prompt" | "system" => weigh(value),
            // Every model reads these in a form of its own, none longer than JSON.
            _ => of_text(&value.to_string()),
        })
        .sum();
    counted.saturating_add(counted.div_ceil(50))
}

/// The tokens of a text.
pub(crate) fn of_text(text: &str) -> u64 {
    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        tokens += encoder().encode_ordinary(piece).len() as u64;
        rest = after;
    }
    tokens
}

/// Made when the first request is counted.
fn encoder() -> &'static CoreBPE {
    o200k_base_singleton()
}

fn messages(messages: &Value) -> u64 {
    let Some(messages) = messages.as_array() else { return weigh(messages) };
    messages.iter().map(|message| A_MESSAGE + message.as_object().map_or_else(|| weigh(message), members)).sum()
}

/// A message's members but for its role, which is counted with the message.
fn members(message: &Map<String, Value>) -> u64 {
    message.iter().filter(|(name, _)| *name != "role").map(|(_, value)| weigh(value)).sum()
}

/// Everything in a value that a model may read.
fn weigh(value: &Value) -> u64 {
    match value {
        Value::String(text) => of_text(text),
        Value::Array(values) => values.iter().map(weigh).sum(),
        Value::Object(members) if is_medium(members) => A_MEDIUM,
        Value::Object(members) => members.iter().map(|(name, value)| of_text(name) + weigh(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

fn is_medium(part: &Map<String, Value>) -> bool {
    const MEDIA: &[&str] = &["image", "audio", "file", "document", "video"];
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    let kind = kind.strip_prefix("input_").unwrap_or(kind);
    MEDIA.contains(&kind.strip_suffix("_url").unwrap_or(kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(body: &Value) -> u64 {
        of_request(body.as_object().expect("an object"))
    }

    #[test]
    fn a_message_costs_its_text_four_tokens_and_the_margin() {
        assert_eq!(of_text("hello world"), 2);
        assert_eq!(of(&json!({"messages": [{"role": "user", "content": "hello world"}]})), 7);
        let two = json!({"messages": [{"role": "system", "content": "hello world"}, {"role": "user", "content": "hello world"}]});
        assert_eq!(of(&two), 13);
    }

    #[test]
    fn tools_count_and_settings_do_not() {
        let bare = json!({"messages": [{"role": "user", "content": "hi"}], "temperature": 1, "user": "somebody"});
        let mut with_tools = bare.clone();
        with_tools["tools"] = json!([{"type": "function", "function": {"name": "ls", "description": "Lists files."}}]);
        assert_eq!(of(&bare), 6);
        assert!(of(&with_tools) > of(&bare) + 10);
    }

    #[test]
    fn an_image_counts_as_one_and_not_as_its_letters() {
        let image = "A".repeat(1 << 20);
        let part = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}});
        let counted = of(&json!({"messages": [{"role": "user", "content": [part]}]}));
        assert_eq!(counted, (A_MEDIUM + A_MESSAGE) * 51 / 50 + 1);
    }

    #[test]
    fn tokens_that_come_as_numbers_are_tokens() {
        assert_eq!(of(&json!({"input": [1, 2, 3]})), 4);
    }

    #[test]
    fn no_text_is_too_hard_to_count() {
        for letter in ["a", " ", "\n", "é", "😀", "!", "'"] {
            assert!(of_text(&letter.repeat(100_000)) > 0);
        }
    }

    proptest! {
        #[test]
        fn a_text_never_has_more_tokens_than_bytes(text in "\\PC{0,300}") {
            prop_assert!(of_text(&text) <= text.len() as u64);
        }
    }
}
