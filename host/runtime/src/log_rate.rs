//! How fast the components of one tenant may write to the gateway's log, which
//! is everybody's: the disk it lies on, and whoever reads it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Bytes a second, over a longer while.
const BYTES_PER_SECOND: u64 = 64 << 10;

/// Bytes at once: all lines of one call, at their longest.
const BURST: u64 = 1 << 20;

/// What a line takes beside its text: its time, its tenant and the like.
const AROUND: u64 = 256;

/// How often it is told how much was dropped.
const TELL: Duration = Duration::from_secs(10);

/// The rate of one tenant.
#[derive(Debug, Default)]
pub(crate) struct LogRate(Mutex<Count>);

/// A bucket that fills again.
#[derive(Debug, Default)]
struct Count {
    used: u64,
    since: Option<Instant>,
    dropped: Dropped,
    told: Option<Instant>,
}

/// What was not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) is_written: bool,
    /// To be told now, beside it.
    pub(crate) dropped: Option<Dropped>,
}

impl LogRate {
    /// Asks for a line of so many bytes.
    pub(crate) fn take(&self, bytes: usize, now: Instant) -> Verdict {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.refill(now);
        let bytes = bytes as u64 + AROUND;
        let is_written = count.used + bytes <= BURST;
        if is_written {
            count.used += bytes;
        } else {
            count.dropped.lines += 1;
            count.dropped.bytes += bytes;
        }
        Verdict { is_written, dropped: count.tell(now) }
    }
}

impl Count {
    fn refill(&mut self, now: Instant) {
        let passed = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let refilled = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(BYTES_PER_SECOND) / 1000;
        // What is less than a byte is not lost.
        if self.since.is_none() || refilled > 0 {
            self.since = Some(now);
            self.used = self.used.saturating_sub(refilled);
        }
    }

    fn tell(&mut self, now: Instant) -> Option<Dropped> {
        let lately = self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL);
        if self.dropped == Dropped::default() || lately {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_fast_is_dropped_and_told_of_now_and_then() {
        let (rate, start) = (LogRate::default(), Instant::now());
        let line = 4096;
        let written = (0..1000).filter(|_| rate.take(line, start).is_written).count() as u64;
        assert_eq!(written, BURST / (line as u64 + AROUND));
        let later = start + Duration::from_secs(1);
        let written = (0..1000).filter(|_| rate.take(line, later).is_written).count() as u64;
        assert!((14..=16).contains(&written), "{written} lines in a second");
        let told = rate.take(line, start + TELL).dropped.expect("it is told how much");
        assert!(told.lines > 1700 && told.bytes > told.lines * line as u64, "{told:?}");
        assert_eq!(rate.take(line, start + TELL).dropped, None, "once");
    }

    #[test]
    fn the_first_line_that_is_dropped_is_told_of_at_once() {
        let (rate, now) = (LogRate::default(), Instant::now());
        let first = (0..1000).map(|_| rate.take(4096, now)).find(|verdict| !verdict.is_written).expect("one is");
        assert_eq!(first.dropped.map(|dropped| dropped.lines), Some(1));
    }
}
