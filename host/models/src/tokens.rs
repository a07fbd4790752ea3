//! How many tokens a request has at the most, counted before it is sent: what a call reserves.
//!
//! The count is o200k's, with four tokens a message and two in a hundred on top, since other models cut text
//! otherwise. Where a provider reports no usage, its output is counted here too.

use std::iter::Sum;
use std::ops::Add;

use serde_json::{Map, Value};
use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// Tokens that a message costs besides its text.
const A_MESSAGE: u64 = 4;

/// Tokens of a picture, whose letters no model reads, as the models count that count them highest: providers shrink
/// the largest to this.
const A_PICTURE: u64 = 50_000;

/// Letters of a sound's base64 for a token. Of a film's, a document's or a file's, which may be packed, each counts
/// for one.
const SOUND_LETTERS: u64 = 8;

/// The longest context that there is, for a model of which the configuration does not say.
const LONGEST: u64 = 2_000_000;

/// What media come to in the end is this part of what they can: what a document's letters hold as a rule.
const LIKELY: u64 = 20;

/// Tokens of a document, a file, a sound or a film that the provider fetches: as long a context as is usual.
const ELSEWHERE: u64 = 200_000;

/// Bytes of a token of a text that somebody could want read; more are a prank of blanks.
const LONGEST_TOKEN: u64 = 16;

/// Bytes that are counted at once: no text takes more than a moment, however it is made.
const PIECE: usize = 8 * 1024;

/// What of a request's members a model reads.
const READ: &[&str] = &[
    "messages",
    "input",
    "instructions",
    "prompt",
    "system",
    "documents",
    "tools",
    "functions",
    "response_format",
    "text",
];

/// What a request has for a model to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    text: u64,
    /// Of what is no text, at the most: only its provider knows.
    media: u64,
}

impl Weight {
    /// Tokens at the most, with the margins. A provider refuses what is longer than its model's context.
    pub(crate) fn tokens(self, context: Option<u64>) -> u64 {
        let all = self.text.saturating_add(self.media);
        let counted = self.text.max(all.min(context.unwrap_or(LONGEST)));
        counted.saturating_add(counted.div_ceil(50))
    }

    /// Tokens as they are charged where the provider never says: nobody pays for the most that media can hold.
    pub(crate) fn likely(self, context: Option<u64>) -> u64 {
        Self { text: self.text, media: self.media.div_ceil(LIKELY) }.tokens(context)
    }

    fn text(tokens: u64) -> Self {
        Self { text: tokens, media: 0 }
    }

    fn media(tokens: u64) -> Self {
        Self { text: 0, media: tokens }
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { text: self.text.saturating_add(other.text), media: self.media.saturating_add(other.media) }
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), Self::add)
    }
}

/// The weight of everything that the model reads.
pub(crate) fn of_request(body: &Map<String, Value>) -> Weight {
    weigh_request(body, of_text)
}

/// Tokens that the texts of a request have at the least, found without counting them.
pub(crate) fn at_least(body: &Map<String, Value>) -> u64 {
    weigh_request(body, |text| text.len() as u64 / LONGEST_TOKEN).text
}

/// How the tokens of a text are found.
type Count = fn(&str) -> u64;

fn weigh_request(body: &Map<String, Value>, count: Count) -> Weight {
    let read = READ.iter().filter_map(|name| body.get(*name).map(|value| (*name, value)));
    read.map(|(name, value)| match name {
        "messages" => messages(value, count),
        "input" | "instructions" | "prompt" | "system" => weigh(value, count),
        // Every model reads these in a form of its own, none longer than JSON.
        _ => Weight::text(count(&value.to_string())),
    })
    .sum()
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

fn messages(messages: &Value, count: Count) -> Weight {
    let Some(messages) = messages.as_array() else { return weigh(messages, count) };
    let of_one =
        |message: &Value| message.as_object().map_or_else(|| weigh(message, count), |message| members(message, count));
    messages.iter().map(|message| Weight::text(A_MESSAGE) + of_one(message)).sum()
}

/// A message's members but for its role, which is counted with the message.
fn members(message: &Map<String, Value>, count: Count) -> Weight {
    message.iter().filter(|(name, _)| *name != "role").map(|(_, value)| weigh(value, count)).sum()
}

/// Everything in a value that a model may read.
fn weigh(value: &Value, count: Count) -> Weight {
    match value {
        Value::String(text) => Weight::text(count(text)),
        Value::Array(values) => values.iter().map(|value| weigh(value, count)).sum(),
        Value::Object(part) => match Medium::of(part) {
            Some(medium) => medium.weigh(part, count),
            None => part.iter().map(|(name, value)| Weight::text(count(name)) + weigh(value, count)).sum(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => Weight::text(1),
    }
}

/// A part that is no text, or not only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Medium {
    Picture,
    Sound,
    File,
}

impl Medium {
    fn of(part: &Map<String, Value>) -> Option<Self> {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = kind.strip_prefix("input_").unwrap_or(kind);
        match kind.strip_suffix("_url").unwrap_or(kind) {
            "image" => Some(Self::Picture),
            "audio" => Some(Self::Sound),
            "video" | "file" | "document" => Some(Self::File),
            _ => None,
        }
    }

    fn weigh(self, part: &Map<String, Value>, count: Count) -> Weight {
        let itself = if self == Self::Picture { A_PICTURE } else { 0 };
        Weight::media(itself) + self.members(part, count)
    }

    /// What stands in the part, and in what it consists of: `source`, `file`, `input_audio`, …
    fn members(self, part: &Map<String, Value>, count: Count) -> Weight {
        let is_text = part.get("type").is_some_and(|kind| kind == "text");
        part.iter()
            .map(|(name, value)| match value {
                Value::String(text) if text.starts_with("data:") => self.inline(text),
                Value::String(text) => match name.as_str() {
                    "type" => Weight::default(),
                    "data" | "file_data" if !is_text => self.inline(text),
                    "url" | "uri" | "image_url" | "audio_url" | "video_url" | "file_url" | "file_id" => {
                        self.elsewhere()
                    }
                    _ => Weight::text(count(text)),
                },
                Value::Object(within) if Self::of(within).is_none() => self.members(within, count),
                // A handle of the provider's has the type of what it stands for.
                Value::Object(within) if name == "source" => self.members(within, count),
                _ => weigh(value, count),
            })
            .sum()
    }

    fn inline(self, base64: &str) -> Weight {
        let letters = base64.len() as u64;
        let is_other = base64.starts_with("data:") && !base64.starts_with("data:image/");
        match self {
            Self::Picture if is_other => Weight::media(letters),
            Self::Picture => Weight::default(),
            Self::Sound => Weight::media(letters.div_ceil(SOUND_LETTERS)),
            Self::File => Weight::media(letters),
        }
    }

    fn elsewhere(self) -> Weight {
        Weight::media(if self == Self::Picture { 0 } else { ELSEWHERE })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(body: &Value) -> u64 {
        of_request(body.as_object().expect("an object")).tokens(None)
    }

    fn of_part(part: &Value) -> Weight {
        of_request(json!({"messages": [{"role": "user", "content": [part]}]}).as_object().expect("an object"))
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
        assert_eq!(of_part(&part), Weight { text: A_MESSAGE, media: A_PICTURE });
        let part = json!({"type": "image", "source": {"type": "url", "url": "https://a/b.png"}});
        assert_eq!(of_part(&part), Weight { text: A_MESSAGE, media: A_PICTURE });
    }

    #[test]
    fn the_text_of_a_document_counts_as_text_and_its_letters_by_what_they_can_hold() {
        let text = "hello world ".repeat(1_000);
        let within = json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}});
        assert!(of_part(&within).text >= of_text(&text));
        let content =
            json!({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": text}]}});
        assert!(of_part(&content).text >= of_text(&text));
        let letters = "A".repeat(9_000);
        let pdf = json!({"type": "document", "source": {"type": "base64", "data": letters}});
        assert_eq!(of_part(&pdf).media, 9_000);
        let file = json!({"type": "file", "file": {"file_data": format!("data:application/pdf;base64,{letters}")}});
        assert!(of_part(&file).media >= 9_000);
        let sound = json!({"type": "input_audio", "input_audio": {"data": letters, "format": "wav"}});
        assert_eq!(of_part(&sound).media, 9_000 / SOUND_LETTERS);
    }

    #[test]
    fn what_is_sent_as_a_picture_and_is_none_counts_by_its_letters() {
        let url = format!("data:application/pdf;base64,{}", "A".repeat(1 << 20));
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        assert!(of_part(&part).media >= 1 << 20);
    }

    #[test]
    fn no_call_is_reserved_or_charged_for_more_than_a_model_reads() {
        let film = json!({"type": "video", "data": "A".repeat(8 << 20)});
        let weight = of_part(&film);
        assert_eq!(weight.tokens(None), LONGEST + LONGEST / 50);
        assert!(weight.likely(None) < weight.tokens(None) / 4, "{weight:?}");
        let text = of_part(&json!({"type": "text", "text": "hello world"}));
        assert_eq!(text.likely(None), text.tokens(None), "text is what it is");
    }

    #[test]
    fn what_the_provider_fetches_counts_as_a_whole_context() {
        for part in [
            json!({"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}}),
            json!({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
            json!({"type": "file", "file": {"file_id": "file-1"}}),
            json!({"type": "input_file", "file_url": "https://a/b.pdf"}),
        ] {
            let weight = of_part(&part);
            assert_eq!(weight.media, ELSEWHERE, "{part}");
            assert_eq!(weight.tokens(Some(1_000)), 1_020, "never more than the model takes");
        }
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
