//! Fair places for calls: so many of a tenant run at once, so many wait in
//! turn, and no tenant's queue is another's.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use openclaw_config::gateway::RequestLimits;
use openclaw_tenancy::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{CallError, CapabilityError},
    limits::{DEPTH, Pool},
    log_rate::LogRate,
};

/// Calls of one tenant that have a large instance, or much memory in another, at once: there is little of either.
const LARGE_PER_TENANT: usize = 8;

/// Operations of one tenant that block a thread at once, on top of what its databases do.
const BLOCKING_PER_TENANT: usize = 4;

/// Requests of one tenant's components to hosts elsewhere that are under way at once.
const OUTBOUND_PER_TENANT: usize = 16;

/// Tasks of one tenant that run at once.
const TASKS_PER_TENANT: usize = 16;

/// Tasks of all tenants that run at once: whatever they do, half of the instances are for calls that are waited for.
const TASKS: usize = Pool::Small.slots() as usize / 2;

/// A few slots stay back for manifests, which have no tenant to wait for.
const fn places(pool: Pool) -> usize {
    pool.slots() as usize - 8
}

/// How many calls run and wait.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionLimits {
    /// Calls of one tenant that run at once.
    pub concurrent_per_tenant: u32,
    /// Calls of one tenant that wait.
    pub queued_per_tenant: u32,
    /// How long a call waits at most.
    pub wait: Duration,
}

impl From<&RequestLimits> for AdmissionLimits {
    fn from(limits: &RequestLimits) -> Self {
        Self {
            concurrent_per_tenant: limits.concurrent_per_tenant,
            queued_per_tenant: limits.queued_per_tenant,
            wait: Duration::from_millis(limits.queue_wait_ms),
        }
    }
}

/// How many calls have a place and how many wait for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// With an instance.
    pub running: u64,
    /// In a tenant's queue.
    pub waiting: u64,
}

/// Hands out places. A tenant first needs one of its own, so at most
/// `concurrent_per_tenant` of its calls ever stand in the line for the
/// instances that all tenants share.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: AdmissionLimits,
    tenants: Mutex<HashMap<Option<TenantId>, Arc<Gate>>>,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    tasks: Arc<Semaphore>,
}

#[derive(Debug)]
struct Gate {
    tasks: Arc<Semaphore>,
    running: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// The same for calls inside others, which wait for none.
    inner: Arc<Semaphore>,
    inner_large: Arc<Semaphore>,
    waiting: AtomicU32,
    long_lane: Arc<Semaphore>,
    blocking: Arc<Semaphore>,
    outbound: Arc<Semaphore>,
    log: Arc<LogRate>,
}

/// A call's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _tenant: OwnedSemaphorePermit,
    _instance: Instance,
}

/// A task's place among those of its tenant and of all.
#[derive(Debug)]
pub(crate) struct TaskPlace {
    _tenant: OwnedSemaphorePermit,
    _task: OwnedSemaphorePermit,
}

/// An instance's place, in the tenant's share where those are few.
#[derive(Debug)]
pub(crate) struct Instance {
    _share: Option<OwnedSemaphorePermit>,
    _instance: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        let line = |pool| Arc::new(Semaphore::new(places(pool)));
        Self {
            limits,
            tenants: Mutex::default(),
            small: line(Pool::Small),
            large: line(Pool::Large),
            tasks: Arc::new(Semaphore::new(TASKS)),
        }
    }

    /// Waits for a place in the tenant's turn; no tenant means the operator's own calls.
    pub(crate) async fn enter(&self, tenant: Option<&TenantId>, pool: Pool) -> Result<Place, CallError> {
        let gate = self.gate(tenant);
        if let (Ok(own), Some(instance)) = (gate.running.clone().try_acquire_owned(), self.instance_now(&gate, pool)) {
            return Ok(Place { _tenant: own, _instance: instance });
        }
        let _waiting = Waiting::enter(&gate, self.limits.queued_per_tenant)?;
        let place = async {
            // The scarcer first: who waits for it keeps no place from the tenant's other calls.
            let share = gate.share(pool).await?;
            let own = gate.running.clone().acquire_owned().await.ok()?;
            let instance = self.instances(pool).clone().acquire_owned().await.ok()?;
            Some(Place { _tenant: own, _instance: Instance { _share: share, _instance: instance } })
        };
        match tokio::time::timeout(self.limits.wait, place).await {
            Ok(Some(place)) => Ok(place),
            _ => Err(busy("the call waited too long for its turn")),
        }
    }

    /// A place for a call that a running call makes. It waits for none: what it waited for could be its caller's.
    pub(crate) fn enter_inner(&self, tenant: Option<&TenantId>, pool: Pool) -> Result<Place, CallError> {
        let gate = self.gate(tenant);
        let own = gate.inner.clone().try_acquire_owned();
        let own = own.map_err(|_| busy("too many calls of this tenant are inside others"))?;
        let instance = self.instance_now(&gate, pool);
        let instance = instance.ok_or_else(|| busy("the gateway has no room for a call inside another"))?;
        Ok(Place { _tenant: own, _instance: instance })
    }

    /// A place for a task, now or not at all.
    pub(crate) fn enter_task(&self, tenant: &TenantId) -> Result<TaskPlace, CallError> {
        let own = self.gate(Some(tenant)).tasks.clone().try_acquire_owned();
        match (own, self.tasks.clone().try_acquire_owned()) {
            (Ok(own), Ok(task)) => Ok(TaskPlace { _tenant: own, _task: task }),
            (Err(_), _) => Err(busy("too many tasks of this tenant are running")),
            (_, Err(_)) => Err(busy("the gateway has no room for a task")),
        }
    }

    /// An instance for a task, which waits as long as it takes. It is none of its tenant's calls that run at once:
    /// those are for whoever asks about the task.
    pub(crate) async fn instance_of_task(&self, tenant: &TenantId, pool: Pool) -> Option<Instance> {
        let share = self.gate(Some(tenant)).share(pool).await?;
        let instance = self.instances(pool).clone().acquire_owned().await.ok()?;
        Some(Instance { _share: share, _instance: instance })
    }

    /// A share among the tenant's few instances with much memory, which those of the large pool have anyway.
    /// An inner call waits for none: what it waited for could be its caller's.
    pub(crate) async fn enter_heavy(
        &self,
        tenant: &TenantId,
        pool: Pool,
        inner: bool,
    ) -> Result<Option<OwnedSemaphorePermit>, CallError> {
        let gate = self.gate(Some(tenant));
        if pool == Pool::Large {
            return Ok(None);
        }
        if inner {
            let share = gate.inner_large.clone().try_acquire_owned();
            return share
                .map(Some)
                .map_err(|_| busy("too many calls of this tenant with much memory are inside others"));
        }
        let share = gate.large.clone().acquire_owned();
        match tokio::time::timeout(self.limits.wait, share).await {
            Ok(Ok(share)) => Ok(Some(share)),
            _ => Err(busy("the call waited too long for its turn")),
        }
    }

    fn instance_now(&self, gate: &Gate, pool: Pool) -> Option<Instance> {
        let share = match pool {
            Pool::Small => None,
            Pool::Large => Some(gate.large.clone().try_acquire_owned().ok()?),
        };
        let instance = self.instances(pool).clone().try_acquire_owned().ok()?;
        Some(Instance { _share: share, _instance: instance })
    }

    /// The place that one of the tenant's long calls needs for each slice it runs.
    pub(crate) fn long_lane(&self, tenant: Option<&TenantId>) -> Arc<Semaphore> {
        self.gate(tenant).long_lane.clone()
    }

    /// The places of a tenant's requests to hosts elsewhere.
    pub(crate) fn outbound(&self, tenant: Option<&TenantId>) -> Arc<Semaphore> {
        self.gate(tenant).outbound.clone()
    }

    /// The places of a tenant's operations that block a thread.
    pub(crate) fn blocking(&self, tenant: Option<&TenantId>) -> Arc<Semaphore> {
        self.gate(tenant).blocking.clone()
    }

    /// How fast a tenant's components may write to the log.
    pub(crate) fn log(&self, tenant: Option<&TenantId>) -> Arc<LogRate> {
        self.gate(tenant).log.clone()
    }

    /// Runs work that blocks off the async threads. Its place among the tenant's few is taken before a
    /// thread is, and held until the work ends: whoever hangs up meanwhile has not got rid of it.
    pub(crate) async fn off_thread<T: Send + 'static>(
        &self,
        tenant: Option<&TenantId>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CapabilityError> {
        let place = self.blocking(tenant).acquire_owned().await.map_err(CapabilityError::internal)?;
        let worked = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        worked.await.map_err(CapabilityError::internal)
    }

    /// The same for a change that awaits: it ends even when the call does not wait for it.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        tenant: Option<&TenantId>,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CapabilityError> {
        let place = self.blocking(tenant).acquire_owned().await.map_err(CapabilityError::internal)?;
        let changed = tokio::spawn(async move {
            let _place = place;
            change.await
        });
        changed.await.map_err(CapabilityError::internal)
    }

    /// How many calls of all tenants run and wait.
    pub(crate) fn standing(&self) -> Standing {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = tenants.values().map(|gate| u64::from(gate.waiting.load(Ordering::Relaxed))).sum();
        let running = [Pool::Small, Pool::Large]
            .map(|pool| places(pool).saturating_sub(self.instances(pool).available_permits()) as u64);
        Standing { running: running.iter().sum(), waiting }
    }

    /// Forgets a tenant that is gone.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(&Some(tenant.clone()));
    }

    fn instances(&self, pool: Pool) -> &Arc<Semaphore> {
        match pool {
            Pool::Small => &self.small,
            Pool::Large => &self.large,
        }
    }

    fn gate(&self, tenant: Option<&TenantId>) -> Arc<Gate> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = tenants.entry(tenant.cloned()).or_insert_with(|| {
            let running = self.limits.concurrent_per_tenant as usize;
            Arc::new(Gate {
                tasks: Arc::new(Semaphore::new(TASKS_PER_TENANT)),
                running: Arc::new(Semaphore::new(running)),
                large: Arc::new(Semaphore::new(LARGE_PER_TENANT)),
                // A tenant with one place has room for one that nests as deep as it may.
                inner: Arc::new(Semaphore::new(running.max(DEPTH.into()))),
                inner_large: Arc::new(Semaphore::new(LARGE_PER_TENANT)),
                waiting: AtomicU32::new(0),
                long_lane: Arc::new(Semaphore::new(1)),
                blocking: Arc::new(Semaphore::new(BLOCKING_PER_TENANT)),
                outbound: Arc::new(Semaphore::new(OUTBOUND_PER_TENANT)),
                log: Arc::default(),
            })
        });
        gate.clone()
    }
}

impl Gate {
    /// A share among the tenant's large instances, where it is one.
    async fn share(&self, pool: Pool) -> Option<Option<OwnedSemaphorePermit>> {
        match pool {
            Pool::Small => Some(None),
            Pool::Large => self.large.clone().acquire_owned().await.ok().map(Some),
        }
    }
}

struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn enter(gate: &'a Gate, most: u32) -> Result<Self, CallError> {
        if gate.waiting.fetch_add(1, Ordering::Relaxed) >= most {
            gate.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(busy("too many calls of this tenant are waiting"));
        }
        Ok(Self(gate))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy(message: &str) -> CallError {
    CallError::Unavailable { message: message.into(), retry_after_ms: Some(1000) }
}

#[cfg(test)]
mod tests;
