//! Instances that are kept for their next call: the exception to an instance a call.
//!
//! Where the operator grants `sticky:<n>`, up to n instances of a version stay
//! for the tenant whose calls they served, and for no other. Each serves one call
//! at a time. It is gone after a trap or a broken limit, after [`CALLS`] calls, when
//! nobody wanted it for [`IDLE`], and with every change of what is bound or granted.
//! Between calls it has no authority: the host takes its call away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use openclaw_tenancy::{Family, TenantRecord};
use wasmtime::Store;

use crate::{binding::Version, bindings::Gateway, call::CallState, digest::Digest, limits::Pool};

/// An instance serves so many calls.
const CALLS: u32 = 1000;

/// How long an instance waits for its next call.
const IDLE: Duration = Duration::from_secs(60);

/// The share of a pool's slots in which instances may wait: the others are for those that run.
const SHARE: usize = 4;

/// An instance, and how many calls it has served.
pub(crate) struct Kept {
    pub(crate) store: Store<CallState>,
    /// None before its first call.
    pub(crate) instance: Option<Gateway>,
    calls: u32,
}

impl Kept {
    pub(crate) fn fresh(store: Store<CallState>) -> Self {
        Self { store, instance: None, calls: 0 }
    }
}

/// Whose instances: a version as one binding of it has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    tenant_row: u64,
    family: Family,
    digest: Digest,
    sequence: u64,
}

impl Owner {
    pub(crate) fn new(tenant: &TenantRecord, version: &Version) -> Self {
        let component = &version.component;
        Self {
            tenant_row: tenant.row,
            family: component.manifest.family.clone(),
            digest: component.digest,
            sequence: version.sequence,
        }
    }
}

struct Idle {
    kept: Kept,
    pool: Pool,
    since: Instant,
}

/// All instances that wait.
#[derive(Default)]
pub(crate) struct Sticky(Mutex<Waiting>);

#[derive(Default)]
struct Waiting(HashMap<Owner, Vec<Idle>>);

impl Sticky {
    /// The instance of this owner that served last, where it fits the call that is to come.
    pub(crate) fn take(&self, owner: &Owner, next: &CallState) -> Option<Kept> {
        let mut waiting = self.waiting();
        let found = waiting.0.get_mut(owner)?.pop();
        if waiting.0.get(owner).is_some_and(Vec::is_empty) {
            waiting.0.remove(owner);
        }
        drop(waiting);
        found.map(|idle| idle.kept).filter(|kept| kept.store.data().serves_for(next))
    }

    /// Leaves an instance for the next call, where it still may serve one. Of its owner's `most` wait.
    pub(crate) fn leave(&self, owner: Owner, most: usize, mut kept: Kept, pool: Pool) {
        kept.calls += 1;
        // Its requests and answers, and the connections that they hold, are its call's.
        if kept.calls >= CALLS || kept.store.data().http.is_some() {
            return;
        }
        // Whatever it holds, it is nobody's call.
        kept.store.data_mut().facts = None;
        let idle = Idle { kept, pool, since: Instant::now() };
        // Freed when nobody waits for the lock.
        let freed = self.waiting().add(owner, most, idle);
        drop(freed);
    }

    /// Ends the instance of a pool that has waited longest: its slot is wanted.
    pub(crate) fn give_way(&self, pool: Pool) -> bool {
        let ended = self.waiting().remove_oldest(pool);
        ended.is_some()
    }

    /// Ends what waits of one tenant, or of all, and of one family, or of all: another version serves, or with
    /// other grants.
    pub(crate) fn retire(&self, tenant_row: Option<u64>, family: Option<&Family>) {
        let of = |owner: &Owner| {
            tenant_row.is_none_or(|row| row == owner.tenant_row) && family.is_none_or(|family| *family == owner.family)
        };
        let ended: Vec<_> = self.waiting().0.extract_if(|owner, _| of(owner)).collect();
        drop(ended);
    }

    /// Ends what has waited too long.
    pub(crate) fn retire_idle(&self, now: Instant) {
        let mut ended = Vec::new();
        self.waiting().0.retain(|_, idle| {
            ended.extend(idle.extract_if(.., |idle| now.saturating_duration_since(idle.since) >= IDLE));
            !idle.is_empty()
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Answers what has no place.
    fn add(&mut self, owner: Owner, most: usize, idle: Idle) -> Option<Idle> {
        if self.0.get(&owner).map_or(0, Vec::len) >= most {
            return Some(idle);
        }
        let waiting = self.0.values().flatten().filter(|other| other.pool == idle.pool).count();
        let displaced = if waiting < idle.pool.slots() as usize / SHARE { None } else { self.remove_oldest(idle.pool) };
        self.0.entry(owner).or_default().push(idle);
        displaced
    }

    fn remove_oldest(&mut self, pool: Pool) -> Option<Idle> {
        let all = self.0.iter().flat_map(|(owner, waiting)| {
            waiting.iter().enumerate().map(move |(at, idle)| (idle.pool, idle.since, owner, at))
        });
        let (_, _, owner, at) = all.filter(|(of, ..)| *of == pool).min_by_key(|(_, since, ..)| *since)?;
        let owner = owner.clone();
        let waiting = self.0.get_mut(&owner)?;
        let removed = waiting.remove(at);
        if waiting.is_empty() {
            self.0.remove(&owner);
        }
        Some(removed)
    }
}
