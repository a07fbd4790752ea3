//! Threads of their own for calls that touch much memory.
//!
//! To hand out fresh memory and to take it back is work of the kernel on the thread that runs the call: for 50 MB
//! some 20 ms, in which no tick comes and nobody else's call runs there. Which calls will do so is known from the
//! ones before them: a component that grew for a tenant has that tenant's next calls run here, on threads that
//! yield the cores to those of all other calls. A tenant whose calls stay small again is back among them.

use std::sync::Arc;

use crate::{
    digest::Digest,
    expected::{Expected, Pair},
    yielding::Yielding,
};

/// What a slot keeps for its next instance and a few faults more: less than a tick.
const HEAVY_BYTES: usize = 1 << 20;

/// How many calls are expected to be heavy after one that was.
const EXPECTED: u32 = 64;

/// Which calls are expected to be heavy, and where they run.
#[derive(Debug)]
pub(crate) struct Heavy {
    pub(crate) expected: Expected,
    threads: Yielding,
}

impl Default for Heavy {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { expected: Expected::new(EXPECTED), threads: Yielding::new("heavy-call", cores) }
    }
}

/// Tells of the growth of one call's memory.
#[derive(Debug)]
pub(crate) struct Growth {
    heavy: Arc<Heavy>,
    pair: Pair,
    told: bool,
}

impl Heavy {
    /// Runs a call on these threads. It ends with the future that waits for it, and there too.
    pub(crate) async fn run<T: Send + 'static>(&self, call: impl Future<Output = T> + Send + 'static) -> T {
        self.threads.run(call).await
    }
}

impl Growth {
    pub(crate) fn of(heavy: &Arc<Heavy>, row: u64, digest: Digest) -> Self {
        Self { heavy: heavy.clone(), pair: (row, digest), told: false }
    }

    /// The memory of the call will have so many bytes.
    pub(crate) fn to(&mut self, bytes: usize) {
        if bytes > HEAVY_BYTES && !self.told {
            self.told = true;
            self.heavy.expected.renew(self.pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_whose_call_grew_is_expected_to_grow_again() {
        let (heavy, digest) = (Arc::new(Heavy::default()), Digest::of(b"one"));
        Growth::of(&heavy, 1, digest).to(HEAVY_BYTES);
        assert!(!heavy.expected.take((1, digest)), "so much is light");
        Growth::of(&heavy, 1, digest).to(HEAVY_BYTES + 1);
        assert!(heavy.expected.take((1, digest)));
    }
}
