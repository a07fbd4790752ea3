//! One sliding window: a log of admissions in runs of bounded length.

use std::collections::VecDeque;
use std::time::Duration;

/// Runs of a full window, at most; a run is no longer than the window's length over this.
const RUNS: u64 = 240;

/// Requests that followed each other closely. They leave the window together, as late as the last.
struct Run {
    first_ms: u64,
    last_ms: u64,
    count: u64,
}

pub(super) struct SlidingLog {
    length_ms: u64,
    runs: VecDeque<Run>,
    count: u64,
}

impl SlidingLog {
    pub(super) fn new(length: Duration) -> Self {
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self { length_ms, runs: VecDeque::new(), count: 0 }
    }

    pub(super) fn length(&self) -> Duration {
        Duration::from_millis(self.length_ms)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Drops runs that have left the window that ends now.
    pub(super) fn forget_before(&mut self, now_ms: u64) {
        while let Some(run) = self.runs.pop_front_if(|run| run.last_ms + self.length_ms <= now_ms) {
            self.count -= run.count;
        }
        if self.runs.is_empty() {
            // An idle tenant keeps no buffer of its busy times.
            self.runs.shrink_to_fit();
        }
    }

    pub(super) fn record(&mut self, now_ms: u64) {
        self.count += 1;
        let longest = self.length_ms / RUNS;
        match self.runs.back_mut() {
            // Threads may hand in their clock readings out of order.
            Some(run) if now_ms.saturating_sub(run.first_ms) < longest => {
                run.last_ms = run.last_ms.max(now_ms);
                run.count += 1;
            }
            _ => self.runs.push_back(Run { first_ms: now_ms, last_ms: now_ms, count: 1 }),
        }
    }

    pub(super) fn oldest_leaves_at(&self) -> Option<u64> {
        self.runs.front().map(|run| run.last_ms + self.length_ms)
    }

    /// When the next request fits the limit: now, or when enough runs have left. Under a limit of 0
    /// nothing ever fits; the answer then is one window from now.
    pub(super) fn admits_at(&self, limit: u64, now_ms: u64) -> u64 {
        let mut left = self.count;
        if left < limit {
            return now_ms;
        }
        for run in &self.runs {
            left -= run.count;
            if left < limit {
                return (run.last_ms + self.length_ms).max(now_ms);
            }
        }
        now_ms + self.length_ms
    }
}
