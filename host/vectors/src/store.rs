//! All indexes of the process: which are open, which is closed next.
//!
//! A slot leaves the map only while it is closed and nobody holds a handle on it, so that one file never has two
//! connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openclaw_documents::{Closed, ClosedTenants};
use openclaw_tenancy::{DatabasePlace, Family, IndexName, TenantId};

use crate::database::Database;
use crate::{Error, Index, Result};

/// Most indexes that are open at once.
const OPEN: usize = 64;
/// Most of one tenant's: those of others stay open, whatever it does.
const OPEN_PER_TENANT: usize = 8;
/// How long an unused one stays open.
const IDLE: Duration = Duration::from_secs(60);

/// Which index: of one tenant, one family, and a name that is one agent's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexId {
    pub tenant: TenantId,
    pub family: Family,
    pub name: IndexName,
}

/// The indexes of all tenants; one a process. Clones share it.
#[derive(Clone, Default)]
pub struct Store {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    started: Instant,
    tenants: Mutex<HashMap<TenantId, Slots>>,
    closed: ClosedTenants,
    /// Slots with an open file.
    open: Mutex<Vec<Arc<Slot>>>,
}

type Slots = HashMap<(Family, IndexName), Arc<Slot>>;

/// The place of one index: its file, where it is open.
pub(crate) struct Slot {
    pub(crate) id: IndexId,
    pub(crate) open: Mutex<Option<Database>>,
    /// Milliseconds since the store began.
    used_at: AtomicU64,
}

impl Store {
    /// A handle on an index of so many dimensions. `place` says where its file is, each time that it has to be opened.
    pub fn index<E: std::fmt::Display>(
        &self,
        id: IndexId,
        dimensions: usize,
        place: impl Fn() -> std::result::Result<DatabasePlace, E> + Send + Sync + 'static,
    ) -> Index {
        let place = move || {
            place().map_err(|error| {
                // It may name a path of the host: for the log alone.
                tracing::warn!(%error, "the directory of an index cannot be opened");
                Error::Io("its directory cannot be opened".to_owned())
            })
        };
        Index::new(Arc::clone(&self.shared), self.shared.slot(id), Arc::new(place), dimensions)
    }

    /// Closes a tenant's indexes once what runs on them has ended. Until the answer is dropped they stay closed, and
    /// what is asked of them is `Busy`. Blocks.
    pub fn close_tenant(&self, tenant: &TenantId) -> Closed {
        let closed = self.shared.closed.hold(tenant);
        for slot in self.shared.slots_of(tenant) {
            let mut open = lock(&slot.open);
            self.shared.close(&slot, &mut open);
        }
        closed
    }

    /// Closes what nobody used for a while, and forgets what is closed. Blocks.
    pub fn close_idle(&self) {
        self.close_unused_since(self.shared.now().saturating_sub(milliseconds(IDLE)));
        self.shared.forget_closed();
    }

    /// Closes every index that is not at work: the WALs are written back. For the shutdown. Blocks.
    pub fn close_all(&self) {
        self.close_unused_since(u64::MAX);
    }

    fn close_unused_since(&self, time: u64) {
        let open = lock(&self.shared.open).clone();
        for slot in open.iter().filter(|slot| slot.used_at() <= time) {
            if let Ok(mut open) = slot.open.try_lock() {
                self.shared.close(slot, &mut open);
            }
        }
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            tenants: Mutex::default(),
            closed: ClosedTenants::default(),
            open: Mutex::default(),
        }
    }
}

impl Shared {
    fn now(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }

    pub(crate) fn used(&self, slot: &Slot) {
        slot.used_at.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn opened(&self, slot: &Arc<Slot>) {
        lock(&self.open).push(Arc::clone(slot));
    }

    pub(crate) fn close(&self, slot: &Arc<Slot>, open: &mut Option<Database>) {
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, slot));
        *open = None;
    }

    /// Closes what was used longest ago and is not at work, while too many are open: the tenant's own first.
    pub(crate) fn make_room(&self, tenant: &TenantId) -> Result<()> {
        let is_own = |slot: &Arc<Slot>| slot.id.tenant == *tenant;
        loop {
            let mut open = lock(&self.open).clone();
            if open.iter().filter(|slot| is_own(slot)).count() >= OPEN_PER_TENANT {
                open.retain(is_own);
            } else if open.len() < OPEN {
                return Ok(());
            }
            open.sort_by_cached_key(|slot| (!is_own(slot), slot.used_at()));
            let oldest = open.iter().find_map(|slot| Some((slot, slot.open.try_lock().ok()?)));
            let (slot, mut database) = oldest.ok_or(Error::Busy)?;
            self.close(slot, &mut database);
        }
    }

    pub(crate) fn refuse_held(&self, tenant: &TenantId) -> Result<()> {
        if self.closed.holds(tenant) { Err(Error::Busy) } else { Ok(()) }
    }

    fn slot(&self, id: IndexId) -> Arc<Slot> {
        let mut tenants = lock(&self.tenants);
        let slots = tenants.entry(id.tenant.clone()).or_default();
        let slot = slots.entry((id.family.clone(), id.name.clone()));
        Arc::clone(slot.or_insert_with(|| Arc::new(Slot { id, open: Mutex::default(), used_at: AtomicU64::new(0) })))
    }

    fn slots_of(&self, tenant: &TenantId) -> Vec<Arc<Slot>> {
        lock(&self.tenants).get(tenant).map(|slots| slots.values().cloned().collect()).unwrap_or_default()
    }

    /// Drops slots that only the map holds; an open one is held by the list of open ones, too.
    fn forget_closed(&self) {
        lock(&self.tenants).retain(|_, slots| {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            !slots.is_empty()
        });
    }
}

impl Slot {
    fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests;
