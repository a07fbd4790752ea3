//! A model that answers by a script, the same each time, as the gateway's own scripted one does.

use super::scripts::Piece;
use crate::{Error, Result};
use serde_json::{Value, json};

/// Characters that are counted as one token.
const CHARACTERS_A_TOKEN: usize = 4;

/// An answer of the scripted model.
#[derive(Clone, Debug, Default)]
pub struct Said {
    when: Option<String>,
    text: Vec<String>,
    calls: Vec<(String, Value)>,
    fails: Option<Error>,
}

impl Said {
    /// Says this, in these pieces.
    #[must_use]
    pub fn text<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Self {
        Self { text: pieces.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    /// Wants a tool to be used.
    #[must_use]
    pub fn calls(name: &str, arguments: Value) -> Self {
        Self { calls: vec![(name.to_owned(), arguments)], ..Self::default() }
    }

    /// Fails instead.
    #[must_use]
    pub fn fails(error: Error) -> Self {
        Self { fails: Some(error), ..Self::default() }
    }

    /// Only where the last message has this text in it.
    #[must_use]
    pub fn when(mut self, text: &str) -> Self {
        self.when = Some(text.to_owned());
        self
    }

    fn fits(&self, last: &str) -> bool {
        self.when.as_ref().is_none_or(|when| last.contains(when.as_str()))
    }

    fn pieces(&self, input: usize) -> Vec<Piece> {
        let text = |text: &String| ("text".to_owned(), json!({ "text": text }));
        let mut pieces: Vec<Piece> = self.text.iter().map(text).collect();
        for (index, (name, arguments)) in self.calls.iter().enumerate() {
            let call = json!({ "index": index, "id": format!("call_{index}"), "name": name,
                "arguments": arguments.to_string() });
            pieces.push(("tool-call".to_owned(), call));
        }
        let said: usize = self.text.iter().map(|text| text.chars().count()).sum();
        let (input, output) = (input.div_ceil(CHARACTERS_A_TOKEN), said.div_ceil(CHARACTERS_A_TOKEN));
        let reason = if self.calls.is_empty() { "stop" } else { "tool_calls" };
        let cost = format!("0.{:06}", input + 2 * output);
        pieces.push((
            "usage".to_owned(),
            json!({ "id": "call", "inputTokens": input, "cacheReadTokens": 0, "cacheWriteTokens": 0,
                "outputTokens": output, "reasoningTokens": 0, "costUsd": cost, "outcome": "ok" }),
        ));
        pieces.push(("end".to_owned(), json!({ "reason": reason, "model": "test", "provider": "script" })));
        pieces
    }
}

/// What the script says to a request, whose `messages` are as those of chat completions.
pub(crate) fn answer(script: &[Said], request: &Value) -> Result<Vec<Piece>> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    let last = messages.last().map(text).unwrap_or_default();
    let input = messages.iter().map(|message| text(message).chars().count()).sum();
    match script.iter().find(|said| said.fits(&last)) {
        Some(Said { fails: Some(error), .. }) => Err(error.clone()),
        Some(said) => Ok(said.pieces(input)),
        None => Err(Error::unavailable(format!("the script has no answer to {last:?}"), None)),
    }
}
