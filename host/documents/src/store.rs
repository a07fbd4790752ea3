//! All databases of the process: which are open, which is closed next.
//!
//! At most `open_limit` are open. A slot leaves the map only while it is closed and nobody holds a
//! handle on it, so that one file never has two connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openclaw_control::Durability;
use openclaw_tenancy::{DatabasePlace, Family, TenantId};
use tokio::sync::OwnedMutexGuard;

use crate::closed::{Closed, ClosedTenants};
use crate::connection::{OpenSettings, Session};
use crate::damage::{DamageReports, Reporter};
use crate::database::{Database, Place};
use crate::limits::Limits;
use crate::pool::{self, Pool, Share, Thread};
use crate::slot::{Slot, State, Write};
use crate::{Error, Operation, Result};

/// How a [`Store`] works.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub durability: Durability,
    /// Most databases open at once.
    pub open_limit: usize,
    /// How long an unused database stays open.
    pub idle: Duration,
    pub max_value_bytes: usize,
    pub max_key_bytes: usize,
    /// Most bytes of one database; none for no limit but the disk's.
    pub max_database_bytes: Option<u64>,
}

impl StoreSettings {
    /// The defaults of the contract: values of 1 MiB, keys of 512 bytes, 256 open, closed after a minute.
    pub fn with_durability(durability: Durability) -> Self {
        Self {
            durability,
            open_limit: 256,
            idle: Duration::from_secs(60),
            max_value_bytes: 1 << 20,
            max_key_bytes: 512,
            max_database_bytes: None,
        }
    }
}

/// Which database: one a tenant and family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatabaseId {
    pub tenant: TenantId,
    pub family: Family,
}

/// The documents of all tenants; one a process. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    settings: StoreSettings,
    limits: Limits,
    started: Instant,
    pub(crate) pool: Pool,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
    closed: ClosedTenants,
    reports: Arc<DamageReports>,
    /// Slots with an open connection.
    open: Mutex<Vec<Arc<Slot>>>,
}

struct Tenant {
    share: Share,
    slots: HashMap<Family, Arc<Slot>>,
}

impl Store {
    pub fn new(settings: StoreSettings) -> Self {
        let limits = Limits { value_bytes: settings.max_value_bytes, key_bytes: settings.max_key_bytes };
        Self {
            shared: Arc::new(Shared {
                settings,
                limits,
                started: Instant::now(),
                pool: Pool::new(),
                tenants: Mutex::default(),
                closed: ClosedTenants::default(),
                reports: Arc::default(),
                open: Mutex::default(),
            }),
        }
    }

    /// A handle on a database. `place` says where its file is, each time that it has to be opened.
    pub fn database<E: std::fmt::Display>(
        &self,
        id: DatabaseId,
        place: impl Fn() -> std::result::Result<DatabasePlace, E> + Send + Sync + 'static,
    ) -> Database {
        let slot = self.shared.slot(id);
        let place: Arc<Place> = Arc::new(move || {
            place().map_err(|error| {
                // It may name a path of the host: for the log alone.
                tracing::warn!(%error, "the directory of a database cannot be opened");
                Error::Io { reason: "its directory cannot be opened".to_owned() }
            })
        });
        Database::new(Arc::clone(&self.shared), slot, place)
    }

    /// Closes a tenant's databases once their running operations have ended. Until the answer is
    /// dropped they stay closed, and operations on them are `Busy`: the time to delete or replace files.
    pub async fn close_tenant(&self, tenant: &TenantId) -> Closed {
        let closed = self.shared.closed.hold(tenant);
        for slot in self.shared.slots_of(tenant) {
            let guard = Arc::clone(&slot.state).lock_owned().await;
            self.close_in_turn(slot, guard).await;
        }
        closed
    }

    /// Bytes of a tenant's open databases that hold nothing any more: their files do not shrink.
    pub async fn free_bytes(&self, tenant: &TenantId) -> Result<u64> {
        let mut bytes = 0;
        for slot in self.shared.slots_of(tenant) {
            if let State::Open(session) = &*Arc::clone(&slot.state).lock_owned().await {
                bytes += session.free_bytes().map_err(|error| session.error(&error))?;
            }
        }
        Ok(bytes)
    }

    /// Closes databases that nobody used for the idle time, and forgets what is closed. A tenant whose threads are all
    /// at work is not waited for: its databases come the next time.
    pub async fn close_idle(&self) {
        let idle = u64::try_from(self.shared.settings.idle.as_millis()).unwrap_or(u64::MAX);
        for (slot, guard) in self.unused_since(self.shared.now().saturating_sub(idle)) {
            if let Some(thread) = self.shared.pool.free_thread(&slot.share) {
                self.close(thread, slot, guard).await;
            }
        }
        self.shared.forget_closed();
    }

    /// Closes every database that is not at work: the WALs are written back. For the shutdown.
    pub async fn close_all(&self) {
        for (slot, guard) in self.unused_since(u64::MAX) {
            self.close_in_turn(slot, guard).await;
        }
    }

    /// The open databases that are not at work, each taken when it is its turn.
    fn unused_since(&self, time: u64) -> impl Iterator<Item = (Arc<Slot>, OwnedMutexGuard<State>)> + use<> {
        let open = lock(&self.shared.open).clone();
        open.into_iter().filter(move |slot| slot.used_at() <= time).filter_map(|slot| {
            let guard = Arc::clone(&slot.state).try_lock_owned().ok()?;
            Some((slot, guard))
        })
    }

    async fn close_in_turn(&self, slot: Arc<Slot>, guard: OwnedMutexGuard<State>) {
        // It fails only when the runtime stops, which closes all by dropping it.
        if let Ok(thread) = self.shared.pool.thread(&slot.share).await {
            self.close(thread, slot, guard).await;
        }
    }

    async fn close(&self, thread: Thread, slot: Arc<Slot>, mut guard: OwnedMutexGuard<State>) {
        let shared = Arc::clone(&self.shared);
        let _ = thread.run(move || shared.close(&slot, &mut guard)).await;
    }
}

impl Shared {
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Milliseconds since the store began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a group may be committed on an async thread: it is small, and its commit will not
    /// wait for the disk (no sync is asked for, and the WAL's header has been written).
    pub(crate) fn commits_inline(&self, session: &Session, group: &[Write]) -> bool {
        const BYTES: usize = 64 << 10;
        const OPERATIONS: usize = 128;
        let is_small =
            |operation: &Operation| !matches!(operation, Operation::ClearLog { .. } | Operation::TrimLog { .. });
        self.settings.durability == Durability::Process
            && session.wal_pages() > 0
            && group.iter().map(|write| write.bytes).sum::<usize>() <= BYTES
            && group.iter().map(|write| write.operations.len()).sum::<usize>() <= OPERATIONS
            && group.iter().flat_map(|write| &write.operations).all(is_small)
    }

    /// The slot's connection, opened if need be; none where there is no file and `create` is not set.
    /// Blocks: for the pool's threads.
    pub(crate) fn open<'a>(
        &self,
        slot: &Arc<Slot>,
        state: &'a mut State,
        place: &Place,
        create: bool,
    ) -> Result<Option<&'a mut Session>> {
        let opens = match state {
            State::Open(_) => false,
            State::Absent => create,
            State::Closed => true,
        };
        if opens {
            self.refuse_held(&slot.id.tenant)?;
            self.make_room()?;
            let settings = OpenSettings {
                durability: self.settings.durability,
                max_database_bytes: self.settings.max_database_bytes,
            };
            let reporter = Reporter { id: slot.id.clone(), place: place()?, reports: Arc::clone(&self.reports) };
            *state = match Session::open(reporter, settings, create)? {
                None => State::Absent,
                Some(session) => {
                    lock(&self.open).push(Arc::clone(slot));
                    State::Open(session)
                }
            };
        }
        match state {
            State::Open(session) => Ok(Some(session)),
            State::Absent | State::Closed => Ok(None),
        }
    }

    pub(crate) fn close(&self, slot: &Arc<Slot>, state: &mut State) {
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, slot));
        *state = State::Closed;
    }

    /// Closes the database that was used longest ago and is not at work, while too many are open.
    fn make_room(&self) -> Result<()> {
        loop {
            let mut open = lock(&self.open).clone();
            if open.len() < self.settings.open_limit {
                return Ok(());
            }
            open.sort_by_cached_key(|slot| slot.used_at());
            let oldest = open.iter().find_map(|slot| Some((slot, slot.state.try_lock().ok()?)));
            let (slot, mut state) = oldest.ok_or(Error::Busy)?;
            self.close(slot, &mut state);
        }
    }

    fn slot(&self, id: DatabaseId) -> Arc<Slot> {
        let mut tenants = lock(&self.tenants);
        if let Some(slot) = tenants.get(&id.tenant).and_then(|tenant| tenant.slots.get(&id.family)) {
            return Arc::clone(slot);
        }
        let tenant = tenants.entry(id.tenant.clone()).or_insert_with(Tenant::new);
        let slot = Arc::new(Slot::new(id.clone(), Arc::clone(&tenant.share)));
        tenant.slots.insert(id.family, Arc::clone(&slot));
        slot
    }

    fn slots_of(&self, tenant: &TenantId) -> Vec<Arc<Slot>> {
        lock(&self.tenants).get(tenant).map(|tenant| tenant.slots.values().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn refuse_held(&self, tenant: &TenantId) -> Result<()> {
        if self.closed.holds(tenant) { Err(Error::Busy) } else { Ok(()) }
    }

    /// Drops slots that only the map holds; an open one is held by the list of open ones, too.
    fn forget_closed(&self) {
        lock(&self.tenants).retain(|_, tenant| {
            tenant.slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            !tenant.slots.is_empty()
        });
    }
}

impl Tenant {
    fn new() -> Self {
        Self { share: pool::share(), slots: HashMap::new() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
