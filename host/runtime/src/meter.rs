//! Processor time of one call, and the lane in which long calls take turns.
//!
//! A call that runs longer than a tick leaves the fast lane: from then on each
//! tick that it runs needs a place, of which there is one a tenant and one
//! fewer than there are cores in all. Short calls of everyone else always
//! find a core. One that is expected to be long is in that lane from its
//! beginning.

mod slices;

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::yielding;

/// How often running guests are looked at. A few calls at once that take longer keep others waiting.
pub(crate) const TICK: Duration = Duration::from_micros(500);

/// The time that one call has been on a processor, guest and host together,
/// without the time in which it waits.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    before_ns: AtomicU64,
    resumed_at_ns: AtomicU64,
    /// On other threads, for this call.
    elsewhere_ns: Arc<AtomicU64>,
    /// Most calls end before their first tick, and need no clock. From the start where somebody measures.
    ticked: AtomicBool,
    turn: Mutex<Option<Turn>>,
}

/// What a call does that has run into a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// It may just have begun: every call runs into one, however short it is.
    GoOn,
    /// It has run for one, and goes on in the lane of long calls.
    TakeTurns,
    /// Its time is used up.
    OverTime,
}

/// A core for a while, and the tenant's one turn.
#[derive(Debug)]
pub(crate) struct Turn {
    _tenant: OwnedSemaphorePermit,
    _core: OwnedSemaphorePermit,
}

impl CpuMeter {
    /// An exact one counts what comes before the first tick too.
    pub(crate) fn new(is_exact: bool) -> Self {
        Self { ticked: is_exact.into(), ..Self::default() }
    }

    /// What an exact one has counted, while the call is not running.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.before_ns.load(Ordering::Relaxed) + self.elsewhere_ns.load(Ordering::Relaxed))
    }

    /// Time used since the first tick; called at each tick.
    pub(crate) fn used(&self) -> Duration {
        let elsewhere = self.elsewhere_ns.load(Ordering::Relaxed);
        if !self.ticked.swap(true, Ordering::Relaxed) {
            self.resumed_at_ns.store(thread_cpu_ns(), Ordering::Relaxed);
            return Duration::from_nanos(elsewhere);
        }
        let running = thread_cpu_ns().saturating_sub(self.resumed_at_ns.load(Ordering::Relaxed));
        Duration::from_nanos(self.before_ns.load(Ordering::Relaxed) + running + elsewhere)
    }

    /// What a tick means for the call that has run into it.
    pub(crate) fn tick(&self, most: Duration) -> Tick {
        match self.used() {
            used if used >= most => Tick::OverTime,
            used if used >= TICK => Tick::TakeTurns,
            _ => Tick::GoOn,
        }
    }

    /// Begins to count before the first tick: for what a host call is about to take.
    pub(crate) fn begin(&self) {
        let _ = self.used();
    }

    /// Where work on other threads adds its nanoseconds.
    pub(crate) fn elsewhere(&self) -> Arc<AtomicU64> {
        self.elsewhere_ns.clone()
    }

    fn resume(&self) {
        if !self.ticked.load(Ordering::Relaxed) {
            return;
        }
        self.resumed_at_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn pause(&self) {
        if !self.ticked.load(Ordering::Relaxed) {
            return;
        }
        let running = thread_cpu_ns().saturating_sub(self.resumed_at_ns.load(Ordering::Relaxed));
        self.before_ns.fetch_add(running, Ordering::Relaxed);
    }

    fn set_turn(&self, turn: Option<Turn>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

/// The lane that long calls share. Those on threads that give way have one of their own: whoever has a place there may
/// wait long for a core, and nobody on the other threads is to wait for that.
#[derive(Clone, Debug)]
pub(crate) struct LongLane {
    cores: Arc<Semaphore>,
    cores_of_yielding: Arc<Semaphore>,
}

impl LongLane {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self::of(cores.saturating_sub(1).max(1))
    }

    fn of(places: usize) -> Self {
        let [cores, cores_of_yielding] = [places; 2].map(|places| Arc::new(Semaphore::new(places)));
        Self { cores, cores_of_yielding }
    }

    /// The places for what runs on this thread.
    fn cores(&self) -> Arc<Semaphore> {
        if yielding::is_here() { self.cores_of_yielding.clone() } else { self.cores.clone() }
    }

    /// Waits for a turn, and lets the call have it.
    pub(crate) async fn take_turn(self, tenant: Arc<Semaphore>, meter: Arc<CpuMeter>) {
        meter.set_turn(self.turn(tenant).await);
    }

    /// Gives up the processor, then waits for the next turn.
    pub(crate) async fn next_turn(self, tenant: Arc<Semaphore>, meter: Arc<CpuMeter>) {
        meter.set_turn(None);
        tokio::task::yield_now().await;
        self.take_turn(tenant, meter).await;
    }

    /// Waits for a turn, which lasts until it is dropped. None where there is no lane any more.
    pub(crate) async fn turn(self, tenant: Arc<Semaphore>) -> Option<Turn> {
        // Neither semaphore is ever closed; without a turn the work would merely go on.
        let (tenant, core) = (tenant.acquire_owned().await.ok()?, self.cores().acquire_owned().await.ok()?);
        Some(Turn { _tenant: tenant, _core: core })
    }
}

pub(crate) use slices::Slices;

/// Runs a call and meters each stretch of it.
pub(crate) struct Metered<F> {
    call: Pin<Box<F>>,
    meter: Arc<CpuMeter>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(call: F, meter: Arc<CpuMeter>) -> Self {
        Self { call: Box::pin(call), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.resume();
        let polled = self.call.as_mut().poll(context);
        self.meter.pause();
        // A call that waits, or is done, holds no place that another could run in.
        self.meter.set_turn(None);
        polled
    }
}

pub(crate) fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

#[cfg(test)]
mod tests;
