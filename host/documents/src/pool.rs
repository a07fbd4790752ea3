//! Threads that may block: a bounded number for all, fewer for each tenant.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::{Error, Result};

/// Threads that all databases of one tenant may occupy at once.
const THREADS_A_TENANT: usize = 2;
/// Threads that the whole store may occupy at once.
const THREADS: usize = 16;

/// A tenant's share of the threads.
pub(crate) type Share = Arc<Semaphore>;

pub(crate) fn share() -> Share {
    Arc::new(Semaphore::new(THREADS_A_TENANT))
}

/// The store's threads, lent by tokio's blocking pool.
pub(crate) struct Pool {
    threads: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self { threads: Arc::new(Semaphore::new(THREADS)) }
    }

    /// Runs `work` on a thread that may block. Once begun it ends, whether or not the caller waits.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        share: &Share,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.thread(share).await?.run(work).await
    }

    /// Waits for a thread.
    pub(crate) async fn thread(&self, share: &Share) -> Result<Thread> {
        let stopped = |_| Error::Io { reason: "the gateway is stopping".to_owned() };
        let own = Arc::clone(share).acquire_owned().await.map_err(stopped)?;
        let common = Arc::clone(&self.threads).acquire_owned().await.map_err(stopped)?;
        Ok(Thread { _own: own, _common: common })
    }

    /// A thread, where one is free.
    pub(crate) fn free_thread(&self, share: &Share) -> Option<Thread> {
        let own = Arc::clone(share).try_acquire_owned().ok()?;
        let common = Arc::clone(&self.threads).try_acquire_owned().ok()?;
        Some(Thread { _own: own, _common: common })
    }
}

/// The right to one of the threads.
pub(crate) struct Thread {
    _own: OwnedSemaphorePermit,
    _common: OwnedSemaphorePermit,
}

impl Thread {
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        spawn_blocking(move || {
            let _thread = self;
            work()
        })
        .await
        .map_err(|error| Error::Io { reason: error.to_string() })
    }
}
