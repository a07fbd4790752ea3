//! The tenant's clock under test, the machine's elsewhere.

use super::call::current;
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A clock that stands still until it is moved.
pub(crate) struct Clock {
    unix_ms: Cell<u64>,
    monotonic_ns: Cell<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { unix_ms: Cell::new(START_MS), monotonic_ns: Cell::new(0) }
    }
}

impl Clock {
    pub(crate) fn set(&self, unix_ms: u64) {
        self.unix_ms.set(unix_ms);
    }

    pub(crate) fn unix_ms(&self) -> u64 {
        self.unix_ms.get()
    }

    /// Moves both clocks.
    pub(crate) fn advance(&self, duration: Duration) {
        self.unix_ms.set(self.unix_ms.get().saturating_add(millis(duration)));
        self.monotonic_ns.set(self.monotonic_ns.get().saturating_add(nanos(duration)));
    }
}

pub(crate) fn unix_ms() -> u64 {
    match current() {
        Some(facts) => facts.state.clock.unix_ms(),
        None => SystemTime::UNIX_EPOCH.elapsed().map(millis).unwrap_or_default(),
    }
}

pub(crate) fn monotonic_ns() -> u64 {
    match current() {
        Some(facts) => facts.state.clock.monotonic_ns.get(),
        None => nanos(PROCESS_START.elapsed()),
    }
}

/// Waiting moves the clock of a call under test, and takes no time.
pub(crate) fn wait(duration: Duration) {
    match current() {
        Some(facts) => facts.state.clock.advance(duration),
        None => std::thread::sleep(duration),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
