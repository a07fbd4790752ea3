//! Tasks: calls that go on when the call that started them has been answered. `capability/tasks.rs` begins them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, task::AbortHandle};

/// The tasks that run, of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    last: u64,
    closed: bool,
    /// By number: whose, and what ends it.
    tasks: HashMap<u64, (u64, AbortHandle)>,
}

impl Tasks {
    /// Runs a task of a tenant's; not at all once the gateway stops. Whoever ends the tenant, or its token, ends the
    /// tasks that there are. So `is_current` is asked once this one is among them: it may have come after.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        row: u64,
        is_current: impl FnOnce() -> bool + Send + 'static,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let number = {
            let mut running = self.running();
            running.last += 1;
            running.last
        };
        let leaves = Leaves { tasks: self.clone(), number };
        let (begin, begun) = oneshot::channel::<()>();
        let spawned = tokio::spawn(async move {
            let _leaves = leaves;
            if begun.await.is_ok() && is_current() {
                task.await;
            }
        });
        let mut running = self.running();
        if !running.closed {
            running.tasks.insert(number, (row, spawned.abort_handle()));
            // It is on the list before it can leave it.
            let _ = begin.send(());
        }
    }

    /// Ends those of one tenant.
    pub(crate) fn end_of(&self, row: u64) {
        let of_tenant = |(whose, task): &(u64, AbortHandle)| (*whose == row).then(|| task.clone());
        let ended: Vec<AbortHandle> = self.running().tasks.values().filter_map(of_tenant).collect();
        ended.iter().for_each(AbortHandle::abort);
    }

    /// Ends all, and lets none begin.
    pub(crate) fn close(&self) {
        let mut running = self.running();
        running.closed = true;
        let ended: Vec<AbortHandle> = running.tasks.values().map(|(_, task)| task.clone()).collect();
        drop(running);
        ended.iter().for_each(AbortHandle::abort);
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a task off the list, however it ends.
struct Leaves {
    tasks: Arc<Tasks>,
    number: u64,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.tasks.running().tasks.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
