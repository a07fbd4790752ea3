//! The sandboxes of all tenants: one owner of the ways to confine a workload, and of how many run.
//!
//! A back end is opened when the first workload wants it (`backends.rs`), with the configuration of that moment. What
//! a workload may use is the least of what the configuration, the tenant and the call say (`terms.rs`). A workload
//! ends with the call that wanted it (`run.rs`), unless it is a terminal (`terminals.rs`), where it fills the disk
//! (`full.rs`), and when the operator ends it (`survey.rs`).

mod asked;
mod attempts;
mod backends;
mod full;
mod info;
mod run;
mod seconds;
mod survey;
mod terminals;
mod terms;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use openclaw_config::gateway::Sandbox;
use openclaw_sandbox::Mode;
use openclaw_tenancy::Home;
use tokio::sync::Notify;

use crate::{error::CapabilityError, services::Services};
use backends::Backends;
use full::Watches;
use survey::Survey;
use terminals::Terminals;

pub(crate) use asked::{Asked, AskedTerminal, OnBehalfOf};
pub(crate) use attempts::{Attempts, Hours, Source};
pub use backends::find_program;
pub(crate) use run::workload_user;
pub use survey::{Confined, Killed};
pub(crate) use terminals::{OutputEvent, Terminal};
pub use terminals::{Typist, Watched, Watcher};
pub(crate) use terms::AskedLimits;

/// How long the gateway's end waits for what is kept ready.
const CLOSING: Duration = Duration::from_secs(10);

/// Runs the tenants' workloads.
pub struct Sandboxes {
    config: ArcSwap<Sandbox>,
    backends: Backends,
    /// Of workloads that end with their calls.
    runs: Arc<Places>,
    terminal_places: Arc<Places>,
    pub(crate) terminals: Terminals,
    /// Of both.
    survey: Arc<Survey>,
    attempts: Arc<Hours>,
    watches: Watches,
}

/// How many workloads of a kind each tenant has, by its row.
#[derive(Debug)]
struct Places {
    kind: &'static str,
    taken: Mutex<HashMap<u64, Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    count: u32,
    /// Ends them all.
    end: Arc<Notify>,
}

/// A workload's place among its tenant's; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    row: u64,
    /// Tells it to end, with its tenant or its tenant's token.
    end: Arc<Notify>,
}

impl Sandboxes {
    /// Nothing is made in the home, nor started, before it is needed.
    #[must_use]
    pub fn new(home: &Home, config: Sandbox) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            backends: Backends::new(home),
            runs: Places::of("workloads"),
            terminal_places: Places::of("terminals"),
            terminals: Terminals::default(),
            survey: Arc::default(),
            attempts: Arc::default(),
            watches: Watches::default(),
        }
    }

    /// Ends what runs for a tenant, by its row.
    pub fn end(&self, row: u64) {
        self.runs.end(row);
        self.terminals.end(row);
    }

    /// Ends what is kept ready for workloads to come, within the time that the gateway's end may take.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSING, self.backends.close()).await.is_err() {
            tracing::warn!("sandboxes that were kept ready may be left until the next start");
        }
    }

    pub(crate) fn config(&self) -> Arc<Sandbox> {
        self.config.load_full()
    }
}

impl Services {
    /// Puts another configuration in force for the workloads that come. What was kept ready by the one before is ended
    /// in the background.
    pub fn configure_sandboxes(self: &Arc<Self>, config: Sandbox) {
        let config = Arc::new(config);
        self.sandboxes.config.store(config.clone());
        let services = self.clone();
        tokio::spawn(async move { services.sandboxes.backends.retire(&config).await });
    }

    /// Has the engine remove the containers of a gateway that was killed on this home; in the background.
    pub fn tidy_sandboxes(self: &Arc<Self>) {
        if !self.sandboxes.backends.has_used_engine() {
            return;
        }
        let services = self.clone();
        tokio::spawn(async move {
            let config = services.sandboxes.config();
            if let Err(error) = services.sandboxes.backends.open(Mode::Docker, &config).await {
                tracing::warn!(%error, "containers of an earlier gateway may be left until Docker is there again");
            }
        });
    }
}

impl Places {
    fn of(kind: &'static str) -> Arc<Self> {
        Arc::new(Self { kind, taken: Mutex::default() })
    }

    /// One more for a tenant, that may have so many.
    fn enter(self: &Arc<Self>, row: u64, most: u32) -> Result<Place, CapabilityError> {
        let mut taken = self.lock();
        let own = taken.entry(row).or_default();
        if own.count >= most {
            let message = format!("{} {} of this tenant run, which is as many as may at once", own.count, self.kind);
            return Err(CapabilityError::unavailable(message).retry_after(1000));
        }
        own.count += 1;
        Ok(Place { places: self.clone(), row, end: own.end.clone() })
    }

    fn end(&self, row: u64) {
        if let Some(own) = self.lock().get(&row) {
            own.end.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.row) {
            own.count -= 1;
            if own.count == 0 {
                taken.remove(&self.row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_places_and_others_have_theirs() {
        let runs = Places::of("workloads");
        let places: Vec<_> = (0..2).map(|_| runs.enter(1, 2).expect("a place")).collect();
        assert!(matches!(runs.enter(1, 2), Err(CapabilityError::Refused(refusal)) if refusal.code == "UNAVAILABLE"));
        let _other = runs.enter(2, 2).expect("another's place");
        drop(places);
        let _again = runs.enter(1, 2).expect("a place that was given back");
        assert_eq!(runs.lock().len(), 2);
    }
}
