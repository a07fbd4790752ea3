//! Free space of the gateway's disk, of which tenants' writes leave some: where there is none left, nobody's
//! calls end well, and neither does the ledger.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use openclaw_tenancy::Home;

const MIB: u64 = 1 << 20;

/// How long a look at the disk is good for, less what was written since.
const GOOD_FOR: Duration = Duration::from_millis(250);

/// The disk that the home is on.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    home: Arc<Home>,
    kept: AtomicU64,
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    free: u64,
}

impl FreeSpace {
    pub(crate) fn new(home: Arc<Home>, kept_mib: u64) -> Self {
        Self { home, kept: AtomicU64::new(kept_mib * MIB), seen: Mutex::default() }
    }

    /// How much is left free from now on.
    pub(crate) fn keep(&self, mib: u64) {
        self.kept.store(mib * MIB, Relaxed);
    }

    /// Whether a write of so many bytes leaves enough; counts it.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let kept = self.kept.load(Relaxed);
        if kept == 0 || bytes == 0 {
            return true;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that tells nothing is no reason to refuse.
        let Some(now) = self.now(*seen) else { return true };
        let left = now.free.checked_sub(bytes).filter(|left| *left >= kept);
        *seen = Some(Seen { free: left.unwrap_or(now.free), ..now });
        left.is_some()
    }

    /// Whether less is left than is to be: of who writes without asking, this is all that can be known.
    pub(crate) fn is_used_up(&self) -> bool {
        let kept = self.kept.load(Relaxed);
        if kept == 0 {
            return false;
        }
        self.free().is_some_and(|free| free < kept)
    }

    /// Whether it will soon be so.
    pub(crate) fn is_short(&self) -> bool {
        let kept = self.kept.load(Relaxed);
        kept > 0 && self.free().is_some_and(|free| free < kept.saturating_mul(2))
    }

    fn free(&self) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = self.now(*seen);
        seen.map(|seen| seen.free)
    }

    fn now(&self, seen: Option<Seen>) -> Option<Seen> {
        seen.filter(|seen| seen.at.elapsed() < GOOD_FOR).or_else(|| self.look())
    }

    fn look(&self) -> Option<Seen> {
        let free = self.home.free_bytes();
        let seen = free.inspect_err(|error| tracing::warn!(%error, "the free space of the disk is not known"));
        seen.ok().map(|free| Seen { at: Instant::now(), free })
    }
}
