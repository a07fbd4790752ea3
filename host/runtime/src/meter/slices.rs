//! Work of a call on a thread that may block: it takes the processor by slices as guests do, ends when the call's
//! processor time is used up, and has nobody to work for once the call has.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{LongLane, TICK, thread_cpu_ns};

/// How long the work has a core before others have their turn.
const SLICE: Duration = TICK;

/// The slices of one piece of work, made and used on its thread.
pub(crate) struct Slices {
    runtime: Handle,
    cores: Arc<Semaphore>,
    core: Option<OwnedSemaphorePermit>,
    slice_began: Instant,
    /// By the thread's clock.
    ends_at_ns: u64,
    /// Lives as long as the call waits.
    call: Weak<()>,
}

impl Slices {
    /// Waits for the first. Blocks; on a thread of tokio's that may.
    pub(crate) fn begin(lane: &LongLane, left: Duration, call: Weak<()>) -> Self {
        let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        let mut slices = Self {
            runtime: Handle::current(),
            cores: lane.cores(),
            core: None,
            slice_began: Instant::now(),
            ends_at_ns: thread_cpu_ns().saturating_add(left),
            call,
        };
        slices.next();
        slices
    }

    /// Whether to go on; where the slice is over, after the next was waited for.
    pub(crate) fn goes_on(&mut self) -> bool {
        if self.slice_began.elapsed() < SLICE {
            return true;
        }
        if self.call.strong_count() == 0 || thread_cpu_ns() >= self.ends_at_ns {
            return false;
        }
        self.next();
        true
    }

    fn next(&mut self) {
        self.core = None;
        // Never closed; without a core the work would merely go on.
        self.core = self.runtime.block_on(self.cores.clone().acquire_owned()).ok();
        self.slice_began = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks as long as a piece of work that never ends is let go on.
    fn work(lane: &LongLane, left: Duration, call: Weak<()>) {
        let mut slices = Slices::begin(lane, left, call);
        while slices.goes_on() {
            std::hint::black_box(0);
        }
    }

    #[tokio::test]
    async fn work_ends_with_the_time_of_its_call() {
        let (lane, call) = (LongLane::new(), Arc::new(()));
        let weak = Arc::downgrade(&call);
        tokio::task::spawn_blocking(move || work(&lane, Duration::from_millis(20), weak)).await.expect("it ended");
        drop(call);
    }

    #[tokio::test]
    async fn work_ends_once_nobody_waits_for_it() {
        let (lane, call) = (LongLane::new(), Arc::new(()));
        let weak = Arc::downgrade(&call);
        let works = tokio::task::spawn_blocking(move || work(&lane, Duration::MAX, weak));
        drop(call);
        works.await.expect("it ended");
    }

    #[tokio::test]
    async fn others_have_their_turn_between_two_slices() {
        let (lane, call) = (LongLane::of(1), Arc::new(()));
        let (weak, shared) = (Arc::downgrade(&call), lane.clone());
        let works = tokio::task::spawn_blocking(move || work(&shared, Duration::MAX, weak));
        for _ in 0..3 {
            let turn = lane.clone().turn(Arc::new(Semaphore::new(1))).await;
            assert!(turn.is_some());
        }
        drop(call);
        works.await.expect("it ended");
    }
}
