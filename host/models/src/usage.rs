//! What a call used, in classes of tokens that do not overlap.
//!
//! Providers count one class inside another, each in its own way: most of the double billing that is known comes of
//! adding such numbers up. An adapter takes them apart here, once; whoever prices a call multiplies and adds. Numbers
//! that contradict each other are no usage: the call is then counted and marked as estimated, and is not billed by
//! them.

use openclaw_billing::TokenCounts;
use serde_json::Value;

/// Why a provider's numbers cannot be billed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A stated zero is a usage; nothing stated is not.
    #[error("the provider reported no {0}")]
    Missing(&'static str),
    #[error("the provider's {0} is not a number of tokens")]
    NotANumber(&'static str),
    #[error("the provider reported more {part} than {whole}")]
    Contradiction { part: &'static str, whole: &'static str },
}

/// The usage of OpenAI's chat completions, responses and embeddings, and of what is compatible with them.
///
/// Input includes what was cached, output includes reasoning. Servers that count reasoning beside the output show it
/// in their total, and are taken at that.
pub fn from_openai(usage: &Value) -> Result<TokenCounts, UsageError> {
    let input = either(usage, "prompt_tokens", "input_tokens")?.ok_or(UsageError::Missing("input tokens"))?;
    let output = either(usage, "completion_tokens", "output_tokens")?;
    let total = count(usage, "total_tokens")?;
    let input_details = details(usage, "prompt_tokens_details", "input_tokens_details");
    let output_details = details(usage, "completion_tokens_details", "output_tokens_details");
    // Embeddings have no output, and say so by leaving it out while the total equals the input.
    let output = match output {
        Some(output) => output,
        None if total == Some(input) => 0,
        None => return Err(UsageError::Missing("output tokens")),
    };
    let read = match count(input_details, "cached_tokens")? {
        Some(read) => read,
        None => count(usage, "prompt_cache_hit_tokens")?.unwrap_or(0),
    };
    let write = count(input_details, "cache_write_tokens")?.unwrap_or(0);
    let reasoning = count(output_details, "reasoning_tokens")?.unwrap_or(0);
    let cached = sum(read, write)?;
    let with_reasoning_inside = sum(input, output)?;
    let beside = reasoning > 0 && total == Some(sum(with_reasoning_inside, reasoning)?);
    Ok(TokenCounts {
        input_uncached: part_of(cached, input, "cached input", "input")?,
        input_cache_read: read,
        input_cache_write: write,
        input_cache_write_1h: 0,
        output_text: if beside { output } else { part_of(reasoning, output, "reasoning", "output")? },
        output_reasoning: reasoning,
    })
}

/// The usage of Anthropic's messages: input excludes what was read from and written to the cache.
pub fn from_anthropic(usage: &Value) -> Result<TokenCounts, UsageError> {
    let written = count(usage, "cache_creation_input_tokens")?.unwrap_or(0);
    let kept = &usage["cache_creation"];
    let hour = count(kept, "ephemeral_1h_input_tokens")?.unwrap_or(0);
    let minutes = count(kept, "ephemeral_5m_input_tokens")?.unwrap_or(0);
    // The two durations are the written tokens taken apart. A sum that differs would bill some twice or not at all.
    let minutes = match sum(minutes, hour)? {
        0 => written,
        apart if apart == written => minutes,
        _ => return Err(UsageError::Contradiction { part: "cache durations", whole: "cache writes" }),
    };
    Ok(TokenCounts {
        input_uncached: count(usage, "input_tokens")?.ok_or(UsageError::Missing("input tokens"))?,
        input_cache_read: count(usage, "cache_read_input_tokens")?.unwrap_or(0),
        input_cache_write: minutes,
        input_cache_write_1h: hour,
        output_text: count(usage, "output_tokens")?.ok_or(UsageError::Missing("output tokens"))?,
        output_reasoning: 0,
    })
}

/// A later report of one Anthropic stream over an earlier one: its counts are cumulative, so they replace, and what it
/// leaves out or gives as null stays.
pub fn merge_reports(earlier: &mut Value, later: &Value) {
    let Value::Object(later) = later else { return };
    if !earlier.is_object() {
        *earlier = Value::Object(serde_json::Map::new());
    }
    for (name, value) in later.iter().filter(|(_, value)| !value.is_null()) {
        earlier[name.as_str()] = value.clone();
    }
}

fn details<'a>(usage: &'a Value, chat: &str, responses: &str) -> &'a Value {
    if usage[chat].is_object() { &usage[chat] } else { &usage[responses] }
}

fn either(usage: &Value, one: &'static str, other: &'static str) -> Result<Option<u64>, UsageError> {
    Ok(match count(usage, one)? {
        Some(count) => Some(count),
        None => count(usage, other)?,
    })
}

fn count(of: &Value, name: &'static str) -> Result<Option<u64>, UsageError> {
    match &of[name] {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or(UsageError::NotANumber(name)),
    }
}

fn sum(a: u64, b: u64) -> Result<u64, UsageError> {
    a.checked_add(b).ok_or(UsageError::NotANumber("sum"))
}

fn part_of(part: u64, whole: u64, part_name: &'static str, whole_name: &'static str) -> Result<u64, UsageError> {
    whole.checked_sub(part).ok_or(UsageError::Contradiction { part: part_name, whole: whole_name })
}

#[cfg(test)]
mod tests;
