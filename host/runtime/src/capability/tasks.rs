//! `tasks`: calls apart from the one that starts them, and the names that calls have.

use std::{sync::Arc, time::Duration};

use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{bindings::openclaw::gateway::tasks, call::CallState, capability::calls::Call, tasks::Claim};

/// Bytes of a name.
const NAME_BYTES: usize = 640;

/// The longest that a name is waited for.
const WAIT_MOST: Duration = Duration::from_secs(60);

/// The tasks and claims of the calling tenant and the component's family.
#[derive(Debug)]
pub struct Scheduler;

/// A name that the call has. The claim itself lies beside the handles, since it ends with the call.
#[derive(Debug)]
pub struct HeldName(Arc<str>);

impl tasks::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Scheduler>, CapabilityError> {
        self.granted("tasks")?;
        self.tenant()?;
        if self.migrating {
            return Err(CapabilityError::forbidden("a migration starts no task"));
        }
        Ok(self.table.push(Scheduler)?)
    }
}

impl CallState {
    fn hold(&mut self, claim: Claim) -> wasmtime::Result<Resource<HeldName>> {
        let name = claim.name();
        let held = self.table.push(HeldName(name.clone()))?;
        self.claims.insert(name, claim);
        Ok(held)
    }
}

impl tasks::HostScheduler for CallState {
    async fn claim(
        &mut self,
        _scheduler: Resource<Scheduler>,
        name: String,
        wait_ms: u32,
    ) -> Result<Option<Resource<HeldName>>, CapabilityError> {
        check_name(&name)?;
        let wait = Duration::from_millis(wait_ms.into()).min(WAIT_MOST);
        let taken = self.take_claim(&name, wait).await?;
        Ok(taken.map(|claim| self.hold(claim)).transpose()?)
    }

    async fn inherited(&mut self, _scheduler: Resource<Scheduler>) -> wasmtime::Result<Option<Resource<HeldName>>> {
        self.inherited.take().map(|claim| self.hold(claim)).transpose()
    }

    async fn start(
        &mut self,
        _scheduler: Resource<Scheduler>,
        method: String,
        params: Vec<u8>,
        claim: Option<Resource<HeldName>>,
    ) -> Result<(), CapabilityError> {
        let claim = match claim {
            Some(held) => {
                let HeldName(name) = self.table.delete(held)?;
                self.claims.remove(&name)
            }
            None => None,
        };
        self.start_task(&method, params, claim).await
    }

    async fn end(&mut self, _scheduler: Resource<Scheduler>, name: String) -> Result<bool, CapabilityError> {
        check_name(&name)?;
        self.end_holder(&name)
    }

    async fn drop(&mut self, scheduler: Resource<Scheduler>) -> wasmtime::Result<()> {
        self.table.delete(scheduler)?;
        Ok(())
    }
}

impl tasks::HostClaim for CallState {
    async fn drop(&mut self, claim: Resource<HeldName>) -> wasmtime::Result<()> {
        let HeldName(name) = self.table.delete(claim)?;
        self.claims.remove(&name);
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), CapabilityError> {
    match name.len() {
        1..=NAME_BYTES => Ok(()),
        _ => Err(CapabilityError::invalid(format!("a claim's name is 1 to {NAME_BYTES} bytes"))),
    }
}
