//! Calls that may go on for longer than others (an agent's turn takes an hour): each ends with the token that it came
//! with, or its tenant, as what goes on without a call does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Those that run, of all tenants.
#[derive(Debug, Default)]
pub(crate) struct LongCalls(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    last: u64,
    /// By number: whose, and what ends it.
    calls: HashMap<u64, (u64, Arc<Notify>)>,
}

/// One on the list, until this is dropped.
#[must_use = "the call is off the list when this is dropped"]
pub(crate) struct Listed {
    all: Arc<LongCalls>,
    number: u64,
}

impl LongCalls {
    /// Takes in a call that `ends` ends. Whether its token is good still is to be asked after this.
    pub(crate) fn list(self: &Arc<Self>, row: u64, ends: Arc<Notify>) -> Listed {
        let mut running = self.running();
        running.last += 1;
        let number = running.last;
        running.calls.insert(number, (row, ends));
        Listed { all: self.clone(), number }
    }

    /// Ends those of one tenant.
    pub(crate) fn end_of(&self, row: u64) {
        let running = self.running();
        running.calls.values().filter(|(whose, _)| *whose == row).for_each(|(_, ends)| ends.notify_one());
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.all.running().calls.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_calls_of_a_tenant_end_and_those_of_another_go_on() {
        let (all, ends, others) = (Arc::new(LongCalls::default()), Arc::<Notify>::default(), Arc::<Notify>::default());
        let (listed, _other) = (all.list(1, ends.clone()), all.list(2, others.clone()));
        all.end_of(1);
        ends.notified().await;
        tokio::select! {
            biased;
            () = others.notified() => panic!("it is another tenant's"),
            () = std::future::ready(()) => {}
        }
        drop(listed);
        assert_eq!(all.running().calls.len(), 1);
    }
}
