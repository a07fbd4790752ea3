//! What an answer turned out to be, added up while it comes: the end of a call, as the ledger keeps it.

use jiff::Timestamp;
use openclaw_billing::{Outcome, Settlement, TokenCounts};

use crate::event::Event;
use crate::tokens;

/// Bytes of an answer that are kept before they are counted.
const COUNTED_AT: usize = 64 * 1024;

/// How reading an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The provider said all it had to say.
    Complete,
    /// The provider refused before it did anything.
    Refused,
    /// It broke off, on either side.
    Broken,
}

/// Of one call.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    usage: Option<TokenCounts>,
    text: String,
    counted: u64,
    thought: String,
    counted_thought: u64,
    tool_calls: u64,
    failed: bool,
    model: Option<String>,
    id: Option<String>,
    first_token_at: Option<Timestamp>,
}

impl Tally {
    pub(crate) fn add(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::Text(text) => add(&mut self.text, &mut self.counted, text),
            Event::Reasoning(text) => add(&mut self.thought, &mut self.counted_thought, text),
            Event::ToolCall { id, name, arguments, .. } => {
                self.tool_calls += u64::from(id.is_some() || name.is_some());
                add(&mut self.text, &mut self.counted, name.as_deref().unwrap_or_default());
                add(&mut self.text, &mut self.counted, arguments);
            }
            // A report that contradicts itself is none.
            Event::Usage(usage) => self.usage = usage.ok().or(self.usage),
            Event::Served { id, model } => {
                self.id = self.id.take().or_else(|| id.clone());
                self.model = self.model.take().or_else(|| model.clone());
            }
            Event::Failed(_) => self.failed = true,
            Event::Stop(_) | Event::Other(_) => {}
        }
        if matches!(event, Event::Text(_) | Event::Reasoning(_) | Event::ToolCall { .. }) {
            self.first_token_at.get_or_insert(now);
        }
    }

    /// Whether the provider itself said, within its answer, that it failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The end of the call. Without numbers of the provider's it is counted: its whole input, and what was read of the
    /// answer. Where nothing was read, nobody knows what the provider wrote, and the most that it may have stands.
    pub(crate) fn settlement(
        self,
        ending: Ending,
        client_gone: bool,
        input_tokens: u64,
        reserved: &TokenCounts,
        now: Timestamp,
    ) -> Settlement {
        let (tokens, outcome) = match (ending, self.usage) {
            (Ending::Refused, _) => (TokenCounts::default(), Outcome::ProviderError),
            (_, Some(usage)) if self.failed => (usage, Outcome::ProviderError),
            (_, Some(usage)) if client_gone => (usage, Outcome::ClientGone),
            (_, Some(usage)) => (usage, Outcome::Ok),
            (_, None) => (self.estimate(input_tokens, reserved), Outcome::Estimated),
        };
        Settlement {
            outcome,
            tokens,
            tool_calls: self.tool_calls,
            model_served: self.model,
            provider_request_id: self.id,
            first_token_at: self.first_token_at,
            ended_at: now,
        }
    }

    fn estimate(&self, input_tokens: u64, reserved: &TokenCounts) -> TokenCounts {
        let input = TokenCounts { input_uncached: input_tokens, ..TokenCounts::default() };
        // Of one that says that it failed, this is what there was of it.
        if self.first_token_at.is_none() && !self.failed {
            let TokenCounts { output_text, output_reasoning, .. } = *reserved;
            return TokenCounts { output_text, output_reasoning, ..input };
        }
        TokenCounts {
            output_text: self.counted + tokens::of_text(&self.text),
            output_reasoning: self.counted_thought + tokens::of_text(&self.thought),
            ..input
        }
    }
}

fn add(kept: &mut String, counted: &mut u64, text: &str) {
    kept.push_str(text);
    if kept.len() >= COUNTED_AT {
        *counted += tokens::of_text(kept);
        kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::UsageError;

    const USED: TokenCounts = TokenCounts {
        input_uncached: 9,
        input_cache_read: 0,
        input_cache_write: 0,
        input_cache_write_1h: 0,
        output_text: 3,
        output_reasoning: 0,
    };

    const RESERVED: TokenCounts = TokenCounts { input_uncached: 60, output_text: 0, output_reasoning: 100, ..USED };

    fn settled(events: &[Event], ending: Ending, client_gone: bool) -> (Outcome, TokenCounts) {
        let mut tally = Tally::default();
        for event in events {
            tally.add(event, Timestamp::UNIX_EPOCH);
        }
        let settlement = tally.settlement(ending, client_gone, 50, &RESERVED, Timestamp::UNIX_EPOCH);
        (settlement.outcome, settlement.tokens)
    }

    #[test]
    fn the_providers_numbers_stand_whoever_has_gone() {
        let events = [Event::Text("hello world".into()), Event::Usage(Ok(USED))];
        assert_eq!(settled(&events, Ending::Complete, false), (Outcome::Ok, USED));
        assert_eq!(settled(&events, Ending::Complete, true), (Outcome::ClientGone, USED));
        assert_eq!(settled(&events, Ending::Broken, false), (Outcome::Ok, USED));
    }

    #[test]
    fn without_numbers_or_with_false_ones_it_is_counted_and_says_so() {
        let counted = TokenCounts { input_uncached: 50, output_text: 2, ..TokenCounts::default() };
        let said = Event::Text("hello world".into());
        let lie = Event::Usage(Err(UsageError::Missing("output tokens")));
        assert_eq!(settled(std::slice::from_ref(&said), Ending::Complete, false), (Outcome::Estimated, counted));
        assert_eq!(settled(&[said, lie], Ending::Complete, true), (Outcome::Estimated, counted));
    }

    #[test]
    fn of_an_answer_that_nobody_read_all_that_was_reserved_may_have_been_written() {
        let most = TokenCounts { input_uncached: 50, output_reasoning: 100, ..TokenCounts::default() };
        assert_eq!(settled(&[], Ending::Broken, false), (Outcome::Estimated, most));
        assert_eq!(settled(&[], Ending::Broken, true), (Outcome::Estimated, most));
        let hidden = [Event::Served { id: None, model: None }, Event::Stop("stop".into())];
        assert_eq!(settled(&hidden, Ending::Complete, false), (Outcome::Estimated, most));
    }

    #[test]
    fn a_stated_zero_is_a_usage_and_a_refusal_costs_nothing() {
        let zero = [Event::Usage(Ok(TokenCounts::default()))];
        assert_eq!(settled(&zero, Ending::Complete, false), (Outcome::Ok, TokenCounts::default()));
        assert_eq!(settled(&[], Ending::Refused, false), (Outcome::ProviderError, TokenCounts::default()));
    }

    #[test]
    fn an_answer_that_fails_after_its_usage_is_billed_by_it() {
        let events = [Event::Usage(Ok(USED)), Event::Failed(serde_json::Value::Null)];
        assert_eq!(settled(&events, Ending::Complete, false), (Outcome::ProviderError, USED));
    }
}
