//! `tasks`: calls apart from the one that starts them, and the names that calls have.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Instrument as _;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::tasks,
    call::{CallState, InnerCall},
    capability::calls::Call,
    claims::{Claim, Name},
    invoke::{CallKind, Params},
};

/// Bytes of a name.
const NAME_BYTES: usize = 640;

/// The longest that a name is waited for.
const WAIT_MOST: Duration = Duration::from_secs(60);

/// What a task that a task starts waits before it begins: a chain of them goes on for ever, and not at full speed.
const OF_TASKS: Duration = Duration::from_millis(10);

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

impl CallState {
    fn hold(&mut self, claim: Claim) -> wasmtime::Result<Resource<HeldName>> {
        let name = claim.name();
        let held = self.table.push(HeldName(name.clone()))?;
        self.claims.insert(name, claim);
        Ok(held)
    }

    /// Takes a name for this call.
    async fn take_claim(&mut self, name: &str, wait: Duration) -> Result<Option<Claim>, CapabilityError> {
        let name = self.name_of(name)?;
        let claims = self.services.claims.clone();
        Ok(claims.take(&name, &self.ends, wait).await)
    }

    /// Ends the call that has a name.
    fn end_holder(&self, name: &str) -> Result<bool, CapabilityError> {
        Ok(self.services.claims.end(&self.name_of(name)?))
    }

    fn name_of(&self, name: &str) -> Result<Name, CapabilityError> {
        let (tenant, family) = (self.tenant()?.row, self.own_family()?.clone());
        Ok(Name { tenant, family, name: name.into() })
    }

    /// Starts a call of a method of this call's own family, apart from it.
    async fn start_task(&mut self, method: &str, params: Vec<u8>, claim: Option<Claim>) -> Result<(), CapabilityError> {
        let tenant = self.current_tenant()?.clone();
        let plugins = self.services.plugins().ok_or_else(CapabilityError::closing)?;
        let params = Params::read(params)?;
        let routed = plugins.route(Some(&tenant.id), method).await;
        let route = routed.map_err(|error| self.inner_error(error))?;
        let route = route.ok_or_else(|| CapabilityError::not_found(plugins.no_such_method(method)))?;
        if route.component().manifest.family != *self.own_family()? {
            return Err(CapabilityError::forbidden(format!("{method} is a method of another family")));
        }
        let facts = self.inner_facts(&route)?;
        let place = self.services.admission.enter_task(&tenant.id).map_err(|error| self.inner_error(error))?;
        let ends = Arc::default();
        let claim = claim.map(|claim| claim.passed_to(&ends));
        let (services, row) = (self.services.clone(), tenant.row);
        let is_current = {
            let (services, tenant) = (services.clone(), tenant.clone());
            move || services.is_current(&tenant)
        };
        let pause = if self.is_task { OF_TASKS } else { Duration::ZERO };
        let task = async move {
            let _place = place;
            tokio::time::sleep(pause).await;
            let pool = route.component().pool;
            let Some(_instance) = services.admission.instance_of_task(&tenant.id, pool).await else { return };
            let (told, version, started) = (facts.clone(), route.version().clone(), Instant::now());
            let answer = plugins.run(&route, facts, params, CallKind::Apart { ends, claim }).await;
            let (component, error) = (&version.component, answer.as_ref().err());
            if let Some(error) = error {
                tracing::debug!(request_id = &*told.request_id, tenant = %tenant.id, method = &*told.method, %error, "a task failed");
            }
            services.inner_ended(&InnerCall { facts: &told, component, took: started.elapsed(), error });
        };
        self.services.tasks.spawn(row, is_current, task.in_current_span());
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), CapabilityError> {
    match name.len() {
        1..=NAME_BYTES => Ok(()),
        _ => Err(CapabilityError::invalid(format!("a claim's name is 1 to {NAME_BYTES} bytes"))),
    }
}
