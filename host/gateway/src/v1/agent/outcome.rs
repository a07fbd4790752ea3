//! What came of a turn, as the method `agent` answers it.

use axum::http::StatusCode;
use openclaw_billing::TokenCounts;
use serde_json::Value;

use crate::reply::Problem;

/// Their clients try again by themselves, and a turn that has failed is not to be taken once more unasked.
const NO_RETRY: (&str, &str) = ("x-should-retry", "false");

pub(super) struct Outcome {
    pub(super) text: String,
    /// Why the agent's model stopped.
    pub(super) stop: String,
    /// Of all model calls of the turn.
    pub(super) tokens: TokenCounts,
    pub(super) cost: String,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
}

impl Outcome {
    pub(super) fn read(answer: &Value) -> Result<Self, Problem> {
        let meta = &answer["result"]["meta"];
        if answer["status"] != "ok" {
            let why = answer["summary"].as_str().unwrap_or("the turn failed").to_owned();
            let problem = match meta["aborted"] == true {
                true => Problem::conflict(why),
                false => Problem::unavailable(why, None).status(StatusCode::BAD_GATEWAY),
            };
            return Err(problem.header(NO_RETRY.0, NO_RETRY.1.into()));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let payloads = answer["result"]["payloads"].as_array().map_or(&[][..], Vec::as_slice);
        let said: Vec<&str> = payloads.iter().filter_map(|payload| payload["text"].as_str()).collect();
        Ok(Self {
            text: said.join("\n\n"),
            stop: text(&meta["stopReason"]).unwrap_or_else(|| "stop".into()),
            tokens: tokens(&meta["usage"]),
            cost: text(&meta["usage"]["costUsd"]).unwrap_or_else(|| "0".into()),
            provider: text(&meta["provider"]),
            model: text(&meta["model"]),
        })
    }
}

/// The classes apart: the method counts reasoning among the output.
fn tokens(usage: &Value) -> TokenCounts {
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let (output, reasoning) = (count("output"), count("reasoning"));
    TokenCounts {
        input_uncached: count("input"),
        input_cache_read: count("cacheRead"),
        input_cache_write: count("cacheWrite"),
        output_text: output.saturating_sub(reasoning),
        output_reasoning: reasoning.min(output),
        ..TokenCounts::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turn_that_ended_well_has_its_words_and_what_they_took() {
        let usage = json!({"input": 7, "output": 4, "cacheRead": 2, "cacheWrite": 1, "reasoning": 1, "costUsd": "0.5"});
        let meta = json!({"stopReason": "length", "usage": usage, "provider": "p", "model": "m"});
        let answer = json!({"status": "ok", "result": {"payloads": [{"text": "a"}, {"text": "b"}], "meta": meta}});
        let outcome = Outcome::read(&answer).expect("an outcome");
        assert_eq!((outcome.text.as_str(), outcome.stop.as_str(), outcome.cost.as_str()), ("a\n\nb", "length", "0.5"));
        assert_eq!((outcome.tokens.input(), outcome.tokens.output(), outcome.tokens.output_reasoning), (10, 4, 1));
    }

    #[test]
    fn a_turn_that_failed_is_not_to_be_tried_again() {
        let failed = |answer: Value| Outcome::read(&answer).err().expect("it has failed");
        let problem = failed(json!({"status": "error", "summary": "the model rests"}));
        assert_eq!((problem.message.as_str(), problem.http_status().as_u16()), ("the model rests", 502));
        assert!(problem.headers.iter().any(|(name, value)| *name == "x-should-retry" && value == "false"));
        let aborted = failed(json!({"status": "error", "summary": "ended", "result": {"meta": {"aborted": true}}}));
        assert_eq!(aborted.http_status().as_u16(), 409);
    }
}
