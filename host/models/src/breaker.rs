//! A provider that fails again and again is left alone for a while, so that calls fail at once instead of waiting.
//!
//! What fails for one tenant alone, while others use the provider too, can be that tenant's doing: it closes the
//! provider to nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openclaw_tenancy::TenantId;

/// Failures in a row after which it is left alone.
const FAILURES: u32 = 5;

/// For how long; then one call tries it.
const PAUSE: Duration = Duration::from_secs(10);

/// Who used a provider within this time uses it.
const LATELY: Duration = Duration::from_secs(600);

/// What one provider's last calls said of it.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    streak: Streak,
    closed_until: Option<Instant>,
    users: Users,
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Streak {
    failures: u32,
    first: Option<TenantId>,
    of_several: bool,
}

/// The tenant that used it last, and when last another one did.
#[derive(Debug, Default)]
struct Users {
    last: Option<(TenantId, Instant)>,
    other_at: Option<Instant>,
}

impl Breaker {
    /// Whether a tenant may call it at this time; else how long to wait.
    pub(crate) fn allow(&self, tenant: &TenantId, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        if let Some(until) = state.closed_until {
            if now < until {
                return Err(until - now);
            }
            // This call tries it; the others wait for what it finds.
            state.closed_until = Some(now + PAUSE);
        }
        state.users.add(tenant, now);
        Ok(())
    }

    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        (state.streak, state.closed_until) = (Streak::default(), None);
    }

    pub(crate) fn failed(&self, tenant: &TenantId, now: Instant) {
        let mut state = self.state();
        state.streak.add(tenant);
        let is_of_the_provider = state.streak.of_several || !state.users.are_several(now);
        if state.streak.failures >= FAILURES && is_of_the_provider {
            state.closed_until = Some(now + PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streak {
    fn add(&mut self, tenant: &TenantId) {
        self.failures = self.failures.saturating_add(1);
        self.of_several |= self.first.get_or_insert_with(|| tenant.clone()) != tenant;
    }
}

impl Users {
    fn add(&mut self, tenant: &TenantId, now: Instant) {
        match &mut self.last {
            Some((last, at)) if last == tenant => *at = now,
            last => {
                let before = last.replace((tenant.clone(), now));
                self.other_at = before.map(|(_, at)| at);
            }
        }
    }

    fn are_several(&self, now: Instant) -> bool {
        self.other_at.is_some_and(|at| now.saturating_duration_since(at) < LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        id.parse().expect("an id")
    }

    fn fails(breaker: &Breaker, id: &str, times: u32, now: Instant) {
        for _ in 0..times {
            assert_eq!(breaker.allow(&tenant(id), now), Ok(()));
            breaker.failed(&tenant(id), now);
        }
    }

    #[test]
    fn after_failures_in_a_row_it_is_left_alone_and_then_tried_by_one() {
        let (breaker, now, acme) = (Breaker::default(), Instant::now(), tenant("acme"));
        fails(&breaker, "acme", FAILURES, now);
        assert_eq!(breaker.allow(&acme, now), Err(PAUSE));
        let later = now + PAUSE;
        assert_eq!(breaker.allow(&acme, later), Ok(()));
        assert_eq!(breaker.allow(&acme, later), Err(PAUSE), "one call tries it");
        breaker.succeeded();
        assert_eq!(breaker.allow(&acme, later), Ok(()));
    }

    #[test]
    fn a_success_between_failures_counts() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 * FAILURES {
            fails(&breaker, "acme", 1, now);
            breaker.succeeded();
        }
        assert_eq!(breaker.allow(&tenant("acme"), now), Ok(()));
    }

    #[test]
    fn one_tenants_failures_close_it_to_nobody_where_others_use_it() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.allow(&tenant("other"), now), Ok(()));
        breaker.succeeded();
        fails(&breaker, "acme", 10 * FAILURES, now);
        assert_eq!(breaker.allow(&tenant("other"), now), Ok(()));
        breaker.failed(&tenant("other"), now);
        assert_eq!(breaker.allow(&tenant("other"), now), Err(PAUSE), "it fails for both");
    }

    #[test]
    fn who_was_there_long_ago_is_no_user() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.allow(&tenant("other"), now), Ok(()));
        breaker.succeeded();
        let later = now + LATELY;
        fails(&breaker, "acme", FAILURES, later);
        assert_eq!(breaker.allow(&tenant("acme"), later), Err(PAUSE));
    }
}
