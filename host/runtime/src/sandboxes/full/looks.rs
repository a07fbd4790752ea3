//! Looks that several share: one at a time, and none soon after one that took long.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

/// A look is followed by a pause of so many times what it took.
const PAUSE: u32 = 10;

/// A tenant may move its files about so fast that nobody can count them, but not for so many looks on end.
const UNCOUNTED: u32 = 30;

/// Looks for one thing.
#[derive(Default)]
pub(super) struct Looks(Mutex<Option<Last>>);

/// The last look.
#[derive(Clone, Copy)]
struct Last {
    begun: Instant,
    /// Bytes.
    found: u64,
    /// Looks on end that could not tell.
    uncounted: u32,
    next: Instant,
}

impl Looks {
    /// Looks, unless it is too soon for that: answers whether there is more than `most`, and when the next look is due.
    /// What was found before `since` is not whoever asks' doing. `look` answers none where it cannot tell.
    pub(super) async fn look(
        &self,
        since: Instant,
        pause: Duration,
        most: u64,
        look: impl Future<Output = Option<u64>>,
    ) -> (bool, Instant) {
        let mut last = self.0.lock().await;
        let begun = Instant::now();
        let now = match *last {
            Some(last) if begun < last.next => last,
            before => {
                let found = look.await;
                let uncounted = if found.is_some() { 0 } else { before.map_or(0, |last| last.uncounted) + 1 };
                let next = Instant::now() + pause.max(begun.elapsed() * PAUSE);
                let untold = if uncounted >= UNCOUNTED { u64::MAX } else { 0 };
                Last { begun, found: found.unwrap_or(untold), uncounted, next }
            }
        };
        *last = Some(now);
        (now.found > most && now.begun >= since, now.next)
    }
}

#[cfg(test)]
mod tests;
