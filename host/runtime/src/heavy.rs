//! Threads of their own for calls that touch much memory.
//!
//! To hand out fresh memory and to take it back is work of the kernel on the thread that runs the call: for 50 MB
//! some 20 ms, in which no tick comes and nobody else's call runs there. Which calls will do so is known from the
//! ones before them: a component that grew for a tenant has that tenant's next calls run here, on threads that
//! yield the cores to those of all other calls. A tenant whose calls stay small again is back among them.

use std::{
    panic,
    sync::{Arc, OnceLock},
};

use tokio::{runtime, task::JoinSet};
use tracing::Instrument as _;

use crate::{
    digest::Digest,
    expected::{Expected, Pair},
};

/// What a slot keeps for its next instance and a few faults more: less than a tick.
const HEAVY_BYTES: usize = 1 << 20;

/// How many calls are expected to be heavy after one that was.
const EXPECTED: u32 = 64;

/// Behind the threads of all other calls, wherever both want a core.
const NICE: i32 = 10;

/// Which calls are expected to be heavy, and where they run.
#[derive(Debug)]
pub(crate) struct Heavy {
    pub(crate) expected: Expected,
    threads: OnceLock<Option<Threads>>,
}

impl Default for Heavy {
    fn default() -> Self {
        Self { expected: Expected::new(EXPECTED), threads: OnceLock::new() }
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
        let Some(threads) = self.threads.get_or_init(Threads::start) else { return call.await };
        let mut calls = JoinSet::new();
        calls.spawn_on(call.in_current_span(), &threads.handle);
        match calls.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            // The gateway is closing: so is whoever waits here.
            Some(Err(_)) | None => std::future::pending().await,
        }
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

/// Ended with the gateway, whichever thread lets go of it.
#[derive(Debug)]
struct Threads {
    handle: runtime::Handle,
    runtime: Option<runtime::Runtime>,
}

impl Threads {
    /// None where the machine gives no threads; the calls run among all others then.
    fn start() -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let started = runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .thread_name("heavy-call")
            .on_thread_start(|| {
                // Where it is not allowed they are threads like any other.
                let _ = rustix::process::nice(NICE);
            })
            .enable_all()
            .build();
        match started {
            Ok(runtime) => Some(Self { handle: runtime.handle().clone(), runtime: Some(runtime) }),
            Err(error) => {
                tracing::warn!(%error, "no threads for calls with much memory");
                None
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
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

    #[tokio::test]
    async fn a_heavy_call_runs_on_its_own_threads_and_ends_where_nobody_waits() {
        let heavy = Heavy::default();
        let name = heavy.run(async { std::thread::current().name().map(str::to_owned) }).await;
        assert_eq!(name.as_deref(), Some("heavy-call"));
        let (ended, waits) = tokio::sync::oneshot::channel::<()>();
        let call = heavy.run(async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        let waited = tokio::time::timeout(std::time::Duration::ZERO, call).await;
        assert!(waited.is_err());
        assert!(waits.await.is_err(), "it was dropped");
    }
}
