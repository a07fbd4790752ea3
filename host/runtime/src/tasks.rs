//! Tasks: calls that go on when the call that started them has been answered. And claims: names of which one call of a
//! tenant and family has each at a time.
//!
//! Both are in memory alone. A gateway that dies leaves neither, so what a family has written down as running is told
//! from what runs by whether its name is free.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use openclaw_tenancy::Family;
use tokio::{
    sync::{Notify, oneshot},
    task::AbortHandle,
    time::{Instant as Deadline, timeout_at},
};
use tracing::Instrument as _;

use crate::{
    call::CallState,
    capability::CapabilityError,
    invoke::Begun,
    nested::{closing, read},
    trace::InnerCall,
};

/// What a task that a task starts waits before it begins: a chain of them goes on for ever, and not at full speed.
const OF_TASKS: Duration = Duration::from_millis(10);

/// Whose name, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    tenant: u64,
    family: Family,
    name: Arc<str>,
}

/// The call that has a name.
#[derive(Debug, Default)]
struct Holder {
    /// Ends it.
    ends: Arc<Notify>,
    /// Tells that the name is free.
    freed: Arc<Notify>,
}

/// The names that calls have, of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashMap<Name, Holder>>);

/// A name that a call has until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    name: Name,
}

impl Claim {
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.name.clone()
    }

    /// Passes it to the call that this signal ends.
    fn passed_to(self, ends: &Arc<Notify>) -> Self {
        if let Some(holder) = self.claims.held().get_mut(&self.name) {
            holder.ends = ends.clone();
        }
        self
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(holder) = self.claims.held().remove(&self.name) {
            holder.freed.notify_waiters();
        }
    }
}

impl Claims {
    fn held(&self) -> MutexGuard<'_, HashMap<Name, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a name for the call that `ends` ends; none where another call has it still after `wait`.
    async fn take(self: &Arc<Self>, name: &Name, ends: &Arc<Notify>, wait: Duration) -> Option<Claim> {
        let until = Deadline::now() + wait;
        loop {
            let freed = {
                let mut held = self.held();
                match held.entry(name.clone()) {
                    Entry::Vacant(free) => {
                        free.insert(Holder { ends: ends.clone(), ..Holder::default() });
                        return Some(Claim { claims: self.clone(), name: name.clone() });
                    }
                    // Listened to from here on: whoever frees it needs the same lock.
                    Entry::Occupied(taken) => taken.get().freed.clone().notified_owned(),
                }
            };
            timeout_at(until, freed).await.ok()?;
        }
    }

    fn end(&self, name: &Name) -> bool {
        let held = self.held();
        let holder = held.get(name);
        holder.inspect(|holder| holder.ends.notify_one()).is_some()
    }
}

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
    /// Runs a task of a tenant's; not at all once the gateway stops.
    fn spawn(self: &Arc<Self>, row: u64, task: impl Future<Output = ()> + Send + 'static) {
        let number = {
            let mut running = self.running();
            running.last += 1;
            running.last
        };
        let leaves = Leaves { tasks: self.clone(), number };
        let (begin, begun) = oneshot::channel::<()>();
        let spawned = tokio::spawn(async move {
            let _leaves = leaves;
            if begun.await.is_ok() {
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

impl CallState {
    /// Takes a name for this call.
    pub(crate) async fn take_claim(&mut self, name: &str, wait: Duration) -> Result<Option<Claim>, CapabilityError> {
        let name = self.name_of(name)?;
        let claims = self.services.claims.clone();
        Ok(claims.take(&name, &self.ends, wait).await)
    }

    /// Ends the call that has a name.
    pub(crate) fn end_holder(&self, name: &str) -> Result<bool, CapabilityError> {
        Ok(self.services.claims.end(&self.name_of(name)?))
    }

    fn name_of(&self, name: &str) -> Result<Name, CapabilityError> {
        let (tenant, family) = (self.tenant()?.row, self.own_family()?.clone());
        Ok(Name { tenant, family, name: name.into() })
    }

    /// Starts a call of a method of this call's own family, apart from it.
    pub(crate) async fn start_task(
        &mut self,
        method: &str,
        params: Vec<u8>,
        claim: Option<Claim>,
    ) -> Result<(), CapabilityError> {
        let tenant = self.tenant()?.clone();
        let plugins = self.services.plugins().ok_or_else(closing)?;
        let params = read(params)?;
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
        let pause = if self.is_task { OF_TASKS } else { Duration::ZERO };
        let task = async move {
            let _place = place;
            tokio::time::sleep(pause).await;
            let pool = route.component().pool;
            let Some(_instance) = services.admission.instance_of_task(&tenant.id, pool).await else { return };
            let (told, version, started) = (facts.clone(), route.version().clone(), Instant::now());
            let answer = plugins.run(&route, facts, params, Begun::Apart { ends, claim }).await;
            let (component, error) = (&version.component, answer.as_ref().err());
            if let Some(error) = error {
                tracing::debug!(request_id = &*told.request_id, tenant = %tenant.id, method = &*told.method, %error, "a task failed");
            }
            services.inner_ended(&InnerCall { facts: &told, component, took: started.elapsed(), error });
        };
        self.services.tasks.spawn(row, task.in_current_span());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
