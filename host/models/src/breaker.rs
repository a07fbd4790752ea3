//! A provider that fails again and again is left alone for a while, so that calls fail at once instead of waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which it is left alone.
const FAILURES: u32 = 5;

/// For how long; then one call tries it.
const PAUSE: Duration = Duration::from_secs(10);

/// What one provider's last calls said of it.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made at this time; else how long to wait.
    pub(crate) fn allow(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match state.closed_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // This call tries it; the others wait for what it finds.
                state.closed_until = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn succeeded(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn failed(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.closed_until = Some(now + PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_it_is_left_alone_and_then_tried_by_one() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(breaker.allow(now), Ok(()));
            breaker.failed(now);
        }
        assert_eq!(breaker.allow(now), Err(PAUSE));
        let later = now + PAUSE;
        assert_eq!(breaker.allow(later), Ok(()));
        assert_eq!(breaker.allow(later), Err(PAUSE), "one call tries it");
        breaker.succeeded();
        assert_eq!(breaker.allow(later), Ok(()));
    }

    #[test]
    fn a_success_between_failures_counts() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 * FAILURES {
            breaker.failed(now);
            breaker.succeeded();
        }
        assert_eq!(breaker.allow(now), Ok(()));
    }
}
