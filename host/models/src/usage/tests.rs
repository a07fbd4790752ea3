//! The golden table: what providers really send, and the disjoint classes it means.

use serde_json::{Value, json};

use super::*;

fn classes(uncached: u64, read: u64, write_5m: u64, write_1h: u64, text: u64, reasoning: u64) -> TokenCounts {
    TokenCounts {
        input_uncached: uncached,
        input_cache_read: read,
        input_cache_write: write_5m,
        input_cache_write_1h: write_1h,
        output_text: text,
        output_reasoning: reasoning,
    }
}

#[test]
fn shapes_of_openai_and_what_is_compatible() {
    let table: [(&str, Value, TokenCounts); 9] = [
        (
            "chat completions, cached input and reasoning inside",
            json!({"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 192, "accepted_prediction_tokens": 0}}),
            classes(86, 1920, 0, 0, 108, 192),
        ),
        (
            "responses",
            json!({"input_tokens": 36, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 123}),
            classes(26, 10, 0, 0, 80, 7),
        ),
        ("embeddings have no output", json!({"prompt_tokens": 8, "total_tokens": 8}), classes(8, 0, 0, 0, 0, 0)),
        (
            "a cache hit is not billed twice (litellm 14849)",
            json!({"prompt_tokens": 262_960, "completion_tokens": 100, "total_tokens": 263_060,
                "prompt_tokens_details": {"cached_tokens": 257_955}}),
            classes(5005, 257_955, 0, 0, 100, 0),
        ),
        (
            "cached tokens beside the details (DeepSeek)",
            json!({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
                "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}),
            classes(36, 64, 0, 0, 5, 0),
        ),
        (
            "cache writes inside the input (OpenRouter)",
            json!({"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
                "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 600}}),
            classes(100, 300, 600, 0, 10, 0),
        ),
        (
            "reasoning beside the output (xAI): the total says so",
            json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94}}),
            classes(32, 0, 0, 0, 9, 94),
        ),
        (
            "null details",
            json!({"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11,
                "prompt_tokens_details": null, "completion_tokens_details": null}),
            classes(5, 0, 0, 0, 6, 0),
        ),
        (
            "a stated zero is a usage (litellm 37992)",
            json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
            TokenCounts::default(),
        ),
    ];
    for (name, usage, expected) in table {
        assert_eq!(from_openai(&usage), Ok(expected), "{name}");
    }
}

#[test]
fn shapes_of_anthropic() {
    let table: [(&str, Value, TokenCounts); 3] = [
        (
            "a cache write is not billed twice (litellm 9812)",
            json!({"input_tokens": 4, "cache_creation_input_tokens": 12304, "cache_read_input_tokens": 0,
                "output_tokens": 550}),
            classes(4, 0, 12304, 0, 550, 0),
        ),
        (
            "two durations",
            json!({"input_tokens": 2048, "cache_read_input_tokens": 1800, "cache_creation_input_tokens": 248,
                "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
                "output_tokens": 503}),
            classes(2048, 1800, 148, 100, 503, 0),
        ),
        ("no cache", json!({"input_tokens": 10, "output_tokens": 20}), classes(10, 0, 0, 0, 20, 0)),
    ];
    for (name, usage, expected) in table {
        assert_eq!(from_anthropic(&usage), Ok(expected), "{name}");
    }
}

/// litellm 11789: the read of the first report was lost under the second, and billed as input.
#[test]
fn a_streams_last_report_keeps_what_the_first_said_of_the_cache() {
    let mut usage = json!({"input_tokens": 3, "cache_read_input_tokens": 1500, "output_tokens": 1});
    merge_reports(&mut usage, &json!({"output_tokens": 42, "cache_read_input_tokens": null}));
    assert_eq!(from_anthropic(&usage), Ok(classes(3, 1500, 0, 0, 42, 0)));
}

#[test]
fn numbers_that_contradict_each_other_are_no_usage() {
    for usage in [
        json!({"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 11}}),
        json!({"prompt_tokens": 10, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}}),
        json!({"prompt_tokens": -1, "completion_tokens": 1}),
        json!({"prompt_tokens": 1.5, "completion_tokens": 1}),
        json!({"prompt_tokens": u64::MAX, "completion_tokens": 1}),
        json!({"prompt_tokens": 3}),
        json!({}),
        json!("many"),
    ] {
        assert!(from_openai(&usage).is_err(), "{usage}");
    }
    for usage in [
        json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 5}}),
        json!({"input_tokens": 1}),
        json!(null),
    ] {
        assert!(from_anthropic(&usage).is_err(), "{usage}");
    }
}
