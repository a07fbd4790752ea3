//! The sandboxes of all tenants: one owner of the ways to confine a workload, and of how many run.
//!
//! A back end is opened when the first workload wants it (`backends.rs`), with the configuration of that moment. What
//! a workload may use is the least of what the configuration, the tenant and the call say (`terms.rs`). A workload
//! ends with the call that wanted it (`run.rs`), unless it is a terminal (`terminals.rs`).

mod backends;
mod info;
mod run;
mod terminals;
mod terms;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use openclaw_config::gateway::Sandbox;
use openclaw_sandbox::Mode;
use openclaw_tenancy::Home;

use crate::{capability::CapabilityError, services::Services};
use backends::Backends;
use terminals::Terminals;

pub use backends::find_program;
pub(crate) use run::{Asked, AskedTerminal, workload_user};
pub(crate) use terminals::Terminal;
pub(crate) use terms::AskedLimits;

/// Runs the tenants' workloads.
pub struct Sandboxes {
    config: ArcSwap<Sandbox>,
    backends: Backends,
    running: Arc<Running>,
    pub(crate) terminals: Terminals,
}

/// How many workloads of each tenant run, by its row.
#[derive(Debug, Default)]
struct Running(Mutex<HashMap<u64, u32>>);

/// A workload's place among its tenant's; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    running: Arc<Running>,
    row: u64,
}

impl Sandboxes {
    /// Nothing is made in the home, nor started, before it is needed.
    #[must_use]
    pub fn new(home: &Home, config: Sandbox) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            backends: Backends::new(home),
            running: Arc::default(),
            terminals: Terminals::default(),
        }
    }

    /// Ends the terminals of a tenant, by its row.
    pub fn end_terminals(&self, row: u64) {
        self.terminals.end(Some(row));
    }

    /// Puts another configuration in force for the workloads that come.
    pub fn configure(&self, config: Sandbox) {
        self.config.store(Arc::new(config));
    }

    pub(crate) fn config(&self) -> Arc<Sandbox> {
        self.config.load_full()
    }

    /// A place for one more workload of a tenant.
    fn enter(&self, row: u64, most: u32) -> Result<Place, CapabilityError> {
        let mut running = self.running.lock();
        let count = running.entry(row).or_default();
        if *count >= most {
            let message = format!("{count} workloads of this tenant run, which is as many as may at once");
            return Err(CapabilityError::unavailable(message).retry_after(1000));
        }
        *count += 1;
        Ok(Place { running: self.running.clone(), row })
    }
}

impl Services {
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

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        if let Some(count) = running.get_mut(&self.row) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_places_and_others_have_theirs() {
        let directory = tempfile::tempdir().expect("a directory");
        let home = Home::open(directory.path()).expect("a home");
        let sandboxes = Sandboxes::new(&home, Sandbox::default());
        let places: Vec<_> = (0..2).map(|_| sandboxes.enter(1, 2).expect("a place")).collect();
        assert!(
            matches!(sandboxes.enter(1, 2), Err(CapabilityError::Refused(refusal)) if refusal.code == "UNAVAILABLE")
        );
        let _other = sandboxes.enter(2, 2).expect("another's place");
        drop(places);
        let _again = sandboxes.enter(1, 2).expect("a place that was given back");
        assert_eq!(sandboxes.running.lock().len(), 2);
    }
}
