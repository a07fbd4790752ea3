//! Whether one tenant calls or several, as far as it is known from one call to the next.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// How long after its call a tenant counts as one that calls: longer than most calls take, and than a client needs for
/// its next.
const RECENT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Callers {
    since: Instant,
    /// Whose call was the last; 0 before the first.
    last: AtomicUsize,
    /// When it was another's, in milliseconds; 0 where it never was.
    changed_at_ms: AtomicU64,
}

impl Default for Callers {
    fn default() -> Self {
        Self { since: Instant::now(), last: AtomicUsize::new(0), changed_at_ms: AtomicU64::new(0) }
    }
}

impl Callers {
    /// Of two that come at once either may be the last: what is asked for is whether they are several.
    pub(super) fn note(&self, whose: usize) {
        if self.last.load(Ordering::Relaxed) != whose && self.last.swap(whose, Ordering::Relaxed) != 0 {
            self.changed_at_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    pub(super) fn are_several(&self) -> bool {
        let changed_at_ms = self.changed_at_ms.load(Ordering::Relaxed);
        // Another thread may have written it since.
        changed_at_ms > 0 && self.now_ms().saturating_sub(changed_at_ms) < RECENT.as_millis() as u64
    }

    /// Never 0.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn they_are_several_until_one_has_called_alone_for_a_while() {
        let callers = Callers::default();
        [7, 7].into_iter().for_each(|whose| callers.note(whose));
        assert!(!callers.are_several(), "the first of all is nobody's neighbour");
        callers.note(8);
        assert!(callers.are_several());
        callers.note(8);
        tokio::time::advance(RECENT).await;
        assert!(!callers.are_several());
    }
}
