//! Threads that give way to those of calls, wherever both want a core.

use std::{cell::Cell, panic, sync::OnceLock};

use tokio::{
    runtime,
    task::{self, JoinSet},
};
use tracing::Instrument as _;

/// Behind the threads of calls: of a core that those want too, they have a thirtieth.
const NICE: i32 = 15;

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Whether the thread at hand is one of them, of whichever kind.
pub(crate) fn is_here() -> bool {
    GIVES_WAY.get()
}

/// Some of them, started when they are first needed.
#[derive(Debug)]
pub struct Yielding {
    name: &'static str,
    count: usize,
    threads: OnceLock<Option<Threads>>,
}

impl Yielding {
    /// So many threads of that name.
    #[must_use]
    pub const fn new(name: &'static str, count: usize) -> Self {
        Self { name, count, threads: OnceLock::new() }
    }

    /// Runs work on these threads. It ends with the future that waits for it, and there too.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        // What gives way already stays where it is.
        let Some(threads) = (!is_here()).then(|| self.threads()).flatten() else { return Box::pin(work).await };
        let mut works = JoinSet::new();
        works.spawn_on(work.in_current_span(), &threads.handle);
        match works.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            // The gateway is closing: so is whoever waits here.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// Has work done to its end by these threads, whoever waits for it or not.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> task::JoinHandle<T> {
        match self.threads() {
            Some(threads) => threads.handle.spawn(work),
            None => task::spawn(work),
        }
    }

    /// The runtime of these threads; none where the machine gives no threads.
    pub fn handle(&self) -> Option<runtime::Handle> {
        self.threads().map(|threads| threads.handle.clone())
    }

    /// Has work that blocks done to its end, by another thread that gives way: what runs on these goes on meanwhile.
    pub(crate) fn block<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> task::JoinHandle<T> {
        match self.threads() {
            Some(threads) => threads.handle.spawn_blocking(work),
            None => task::spawn_blocking(work),
        }
    }

    fn threads(&self) -> Option<&Threads> {
        self.threads.get_or_init(|| Threads::start(self.name, self.count)).as_ref()
    }
}

/// Ended with the gateway, whichever thread lets go of it.
#[derive(Debug)]
struct Threads {
    handle: runtime::Handle,
    runtime: Option<runtime::Runtime>,
}

impl Threads {
    /// None where the machine gives no threads; the work runs among all other calls then.
    fn start(name: &'static str, count: usize) -> Option<Self> {
        let started = runtime::Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name(name)
            .on_thread_start(|| {
                GIVES_WAY.set(true);
                // Where it is not allowed they are threads like any other.
                if rustix::process::getpriority_process(None).is_ok_and(|own| own < NICE) {
                    let _ = rustix::process::setpriority_process(None, NICE);
                }
            })
            .enable_all()
            .build();
        match started {
            Ok(runtime) => Some(Self { handle: runtime.handle().clone(), runtime: Some(runtime) }),
            Err(error) => {
                tracing::warn!(%error, name, "no threads for what is to give way");
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
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    fn name() -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    #[tokio::test]
    async fn work_runs_on_its_own_threads_and_ends_where_nobody_waits() {
        let yielding = Yielding::new("gives-way", 1);
        assert_eq!(yielding.run(async { name() }).await.as_deref(), Some("gives-way"));
        let (ended, waits) = oneshot::channel::<()>();
        let work = yielding.run(async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::ZERO, work).await.is_err());
        assert!(waits.await.is_err(), "it was dropped");
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_goes_on_there() {
        let yielding = Yielding::new("gives-way", 1);
        let (go_on, waits) = oneshot::channel::<()>();
        let (told, tells) = oneshot::channel();
        drop(yielding.spawn(async move {
            let _ = waits.await;
            let _ = told.send(name());
        }));
        go_on.send(()).expect("it waits for this");
        assert_eq!(tells.await.expect("it was done").as_deref(), Some("gives-way"));
    }

    #[tokio::test]
    async fn what_blocks_gives_way_and_keeps_none_of_them_from_its_work() {
        let yielding = Yielding::new("gives-way", 1);
        let nice = || rustix::process::getpriority_process(None).expect("it is known");
        let own = nice();
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let blocks = yielding.block(move || waits.recv().map(|()| nice()));
        assert_eq!(yielding.run(async { 7 }).await, 7);
        go_on.send(()).expect("it waits for this");
        assert!(blocks.await.expect("it was done").expect("it was told") > own);
    }
}
