//! How many warnings the calls of one tenant write to the gateway's log, which is everybody's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openclaw_tenancy::TenantId;

/// Warnings of one tenant within a [`WHILE`].
const MOST: u64 = 20;

const WHILE: Duration = Duration::from_secs(60);

/// Most characters of what a provider says that reach the log.
const TOLD: usize = 200;

/// The warnings of the running while, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<HashMap<TenantId, Count>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    asked: u64,
}

/// What becomes of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is written, and how many before it were not.
    Written {
        dropped: u64,
    },
    Dropped,
}

impl Warnings {
    pub(crate) fn ask(&self, tenant: &TenantId, now: Instant) -> Verdict {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |count: &Count| now.saturating_duration_since(count.since) >= WHILE;
        // Whoever has been quiet for long is forgotten.
        counts.retain(|known, count| known == tenant || now.saturating_duration_since(count.since) < 2 * WHILE);
        let count = counts.entry(tenant.clone()).or_insert(Count { since: now, asked: 0 });
        let mut dropped = 0;
        if is_over(count) {
            dropped = count.asked.saturating_sub(MOST);
            *count = Count { since: now, asked: 0 };
        }
        count.asked += 1;
        if count.asked > MOST { Verdict::Dropped } else { Verdict::Written { dropped } }
    }
}

/// A provider's words on one line, and not all of them.
pub(crate) fn cut(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_fails_all_the_time_writes_little_and_others_never_notice() {
        let (warnings, now) = (Warnings::default(), Instant::now());
        let (acme, other): (TenantId, TenantId) = ("acme".parse().expect("an id"), "other".parse().expect("an id"));
        let written = (0..1_000).filter(|_| warnings.ask(&acme, now) != Verdict::Dropped).count() as u64;
        assert_eq!(written, MOST);
        assert_eq!(warnings.ask(&other, now), Verdict::Written { dropped: 0 });
        assert_eq!(warnings.ask(&acme, now + WHILE), Verdict::Written { dropped: 1_000 - MOST }, "it is told how many");
        assert_eq!(warnings.ask(&acme, now + WHILE), Verdict::Written { dropped: 0 }, "once");
    }

    #[test]
    fn a_providers_words_are_cut_to_a_line() {
        let said = cut(&format!("no\n{}", "a".repeat(10_000)));
        assert!(said.starts_with("no a") && said.len() == TOLD, "{said}");
    }
}
