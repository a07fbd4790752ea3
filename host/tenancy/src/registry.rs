//! The tenants: one map in memory that owns every record, durable in
//! `control.db` before any change is answered.
//!
//! A change runs to its end even when its caller goes away, so memory and
//! database never disagree. Changes of one tenant happen one after another.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use openclaw_control::ControlDb;
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, MutexGuard, broadcast};

use crate::{Audit, Directory, Home, PresentedToken, TenantId, TokenHash, TokenId, TokenKind};

mod change;
mod deletion;
mod error;
mod lifecycle;
mod record;
mod store;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at the disk and plant damage")]
mod tests;

pub use error::{AuthError, RegistryError};
pub use lifecycle::TenantData;
pub use record::TenantRecord;
use store::{SqliteTenants, TenantStore};

/// Changes of different tenants that can run at once.
const LOCKS: usize = 64;
/// Changes a slow subscriber may lag behind before it must look anew.
const CHANGES: usize = 1024;
/// Bytes hashed of something that has not even the shape of a token.
const MALFORMED: usize = 64;

/// The registry; clones share it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    tenants: Directory,
    store: Box<dyn TenantStore>,
    audit: Arc<Audit>,
    records: RwLock<BTreeMap<TenantId, Arc<TenantRecord>>>,
    changes: broadcast::Sender<TenantChange>,
    locks: [Mutex<()>; LOCKS],
    hasher: RandomState,
    /// Compared with where there is no tenant: equal to no token's hash.
    nobody: TokenHash,
}

/// Whom a token belongs to.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub tenant: Arc<TenantRecord>,
    pub token: TokenId,
}

/// Something about a tenant is no longer as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantChange {
    pub tenant: TenantId,
    /// Its row: a namesake that is made later has another.
    pub row: u64,
    pub what: WhatChanged,
}

/// What is no longer as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhatChanged {
    Created,
    /// The display name.
    Updated,
    Quota,
    /// The old token is void: connections that came with it are to be closed.
    Rotated,
    Disabled,
    Enabled,
    Deleted,
}

impl Registry {
    /// Loads every tenant, and ends deletions that were cut short. Blocks.
    ///
    /// # Errors
    /// Any row that cannot be read; a new database beside directories of
    /// tenants. There is never an empty registry in place of an unreadable one.
    pub fn open(home: &Home, db: ControlDb, audit: Arc<Audit>) -> Result<Self, RegistryError> {
        let store = Box::new(SqliteTenants::open(db)?);
        let records: BTreeMap<_, _> =
            store.load()?.into_iter().map(|record| (record.id.clone(), Arc::new(record))).collect();
        let tenants = home.tenants().map_err(RegistryError::Directory)?;
        deletion::finish(&*store, &tenants, &records)?;
        if records.is_empty() {
            store::refuse_new_beside_tenants(Some(&*store), &tenants)?;
        }
        let mut nobody = [0; 32];
        getrandom::fill(&mut nobody).map_err(RegistryError::Random)?;
        let inner = Inner {
            tenants,
            store,
            audit,
            records: RwLock::new(records),
            changes: broadcast::Sender::new(CHANGES),
            locks: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
            nobody: TokenHash::from_bytes(nobody),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Looks at a registry that may be in use: every row can be read, and it belongs to this home.
    /// The answer: the tenants whose directory is missing. Changes nothing; blocks.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn check(home: &Home, db: &ControlDb) -> Result<Vec<TenantId>, RegistryError> {
        let store = SqliteTenants::existing(db)?;
        let records = store.as_ref().map(TenantStore::load).transpose()?.unwrap_or_default();
        let directories = home.directories().map_err(RegistryError::Directory)?;
        if records.is_empty() && !directories.is_empty() {
            let tenants = home.tenants().map_err(RegistryError::Directory)?;
            store::refuse_new_beside_tenants(store.as_ref().map(|store| store as &dyn TenantStore), &tenants)?;
        }
        let ids = records.into_iter().map(|record| record.id);
        Ok(ids.filter(|id| directories.binary_search(id).is_err()).collect())
    }

    /// The tenant of that id.
    #[must_use]
    pub fn get(&self, id: &TenantId) -> Option<Arc<TenantRecord>> {
        self.inner.records().get(id).map(Arc::clone)
    }

    /// Every tenant, sorted by id.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<TenantRecord>> {
        self.page(None, usize::MAX)
    }

    /// The first `limit` tenants whose ids come after `after`.
    #[must_use]
    pub fn page(&self, after: Option<&TenantId>, limit: usize) -> Vec<Arc<TenantRecord>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.inner
            .records()
            .range::<TenantId, _>((from, Bound::Unbounded))
            .take(limit)
            .map(|(_, record)| Arc::clone(record))
            .collect()
    }

    /// How many tenants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.records().len()
    }

    /// Whether there is no tenant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who presents this token. The same work is done whether the tenant
    /// exists, the secret is wrong or the text is no token at all.
    ///
    /// # Errors
    /// `Disabled` only to one who has the right token; `Unknown` otherwise.
    pub fn authenticate(&self, presented: &str) -> Result<Authenticated, AuthError> {
        let (tenant, kind, hash) = match PresentedToken::parse(presented) {
            Some(token) => (token.tenant, token.kind, token.hash()),
            None => {
                let bytes = presented.as_bytes();
                let hash = TokenHash::of(&bytes[..bytes.len().min(MALFORMED)]);
                ("", TokenKind::Minted, hash)
            }
        };
        let record = self.inner.records().get(tenant).map(Arc::clone);
        let stored =
            record.as_ref().filter(|record| record.token_kind == kind).map_or(self.inner.nobody, |record| record.hash);
        let equal = bool::from(stored.ct_eq(&hash));
        let tenant = record.filter(|_| equal).ok_or(AuthError::Unknown)?;
        if tenant.disabled {
            return Err(AuthError::Disabled);
        }
        tenant.last_seen.touch(Timestamp::now());
        Ok(Authenticated { tenant, token: hash.id() })
    }

    /// Every change from now on. A receiver that lags sees `Lagged` and must
    /// look at the records anew.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<TenantChange> {
        self.inner.changes.subscribe()
    }

    /// Writes down when tenants were last seen, those that were seen since the
    /// last time, in one transaction. The answer is how many.
    pub async fn flush_last_seen(&self) -> Result<usize, RegistryError> {
        let seen: Vec<_> = self
            .inner
            .records()
            .values()
            .filter_map(|record| Some((Arc::clone(record), record.last_seen.unflushed()?)))
            .collect();
        if seen.is_empty() {
            return Ok(0);
        }
        let rows = seen.iter().map(|(record, at)| (record.row, *at)).collect();
        self.inner.store.set_last_seen(rows).await?;
        for (record, at) in &seen {
            record.last_seen.flushed(*at);
        }
        Ok(seen.len())
    }
}

impl Inner {
    fn records(&self) -> RwLockReadGuard<'_, BTreeMap<TenantId, Arc<TenantRecord>>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, record: Arc<TenantRecord>) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        records.insert(record.id.clone(), record);
    }

    fn forget(&self, id: &TenantId) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        records.remove(id);
    }

    /// Holds off other changes of the same tenant.
    async fn lock(&self, id: &TenantId) -> MutexGuard<'_, ()> {
        let slot = self.hasher.hash_one(id) % LOCKS as u64;
        self.locks[usize::try_from(slot).unwrap_or_default()].lock().await
    }

    fn announce(&self, tenant: &TenantId, row: u64, what: WhatChanged) {
        // Nobody may be listening.
        drop(self.changes.send(TenantChange { tenant: tenant.clone(), row, what }));
    }
}
