//! `disk_bytes`: whether what a tenant writes still fits.
//!
//! A tenant's directory is walked when it first writes under such a quota and
//! when it seems to be full; in between, what it writes is added up. So a write
//! costs a look at a number, and only one that may be refused waits for a walk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use openclaw_billing::Refusal;
use openclaw_tenancy::{Quotas, TenantId, TenantRecord};
use tokio::sync::OwnedRwLockReadGuard;

/// What is known to be full is measured again after this, whatever made room.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// What every tenant with the quota occupies.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    figures: Mutex<HashMap<TenantId, Arc<Figure>>>,
}

/// What one tenant occupies.
#[derive(Debug)]
pub(crate) struct Figure {
    /// A tenant made anew, or a quota that was changed, is measured anew.
    row: u64,
    quotas: Arc<Quotas>,
    count: Mutex<Count>,
    measuring: tokio::sync::Mutex<()>,
    /// Nothing moves while a walk goes on, which could miss it on both sides.
    still: Arc<tokio::sync::RwLock<()>>,
}

#[derive(Debug, Default)]
struct Count {
    /// Bytes, and when they were looked at.
    measured: Option<(u64, Instant)>,
    /// Bytes written since.
    written: u64,
    /// Bytes of writes that run.
    pending: u64,
    /// Something was removed since.
    freed: bool,
}

/// Room that a write takes; it runs until this is dropped.
#[derive(Debug, Default)]
#[must_use = "the write runs while this lives"]
pub(crate) struct Room(Option<Taken>);

/// A move that runs until this is dropped.
pub(crate) type Moving = Option<OwnedRwLockReadGuard<()>>;

/// Bytes of what a tenant occupies.
#[derive(Debug)]
struct Taken {
    figure: Arc<Figure>,
    limit: u64,
    bytes: u64,
}

impl Disks {
    /// Takes room for a write, or refuses it. `measure` answers what the tenant occupies.
    pub(crate) async fn take<E>(
        &self,
        tenant: &TenantRecord,
        bytes: u64,
        measure: impl AsyncFnOnce() -> Result<u64, E>,
    ) -> Result<Result<Room, Refusal>, E> {
        let Some(limit) = tenant.quotas.disk_bytes.filter(|_| bytes > 0) else { return Ok(Ok(Room(None))) };
        let figure = self.figure(tenant);
        if let Some(room) = figure.take(bytes, limit) {
            return Ok(Ok(room));
        }
        // One walk at a time: who waited for another's looks at its outcome.
        let _measuring = figure.measuring.lock().await;
        if let Some(room) = figure.take(bytes, limit) {
            return Ok(Ok(room));
        }
        if figure.is_outdated() {
            let _still = figure.still.write().await;
            let begun = figure.begin();
            figure.end(begun, measure().await?);
        }
        Ok(figure.take(bytes, limit).ok_or_else(|| Refusal::disk(limit, figure.used(), bytes)))
    }

    /// Waits until nothing is measured; what moves, or gets another name, does so while this lives.
    pub(crate) async fn moving(&self, tenant: &TenantRecord) -> Moving {
        match tenant.quotas.disk_bytes {
            Some(_) => Some(self.figure(tenant).still.clone().read_owned().await),
            None => None,
        }
    }

    /// Notes that a tenant removed something.
    pub(crate) fn freed(&self, tenant: &TenantRecord) {
        if tenant.quotas.disk_bytes.is_some() {
            self.figure(tenant).count().freed = true;
        }
    }

    /// Notes that a tenant's files were written without being counted: the next write has them measured.
    pub(crate) fn written_unseen(&self, tenant: &TenantRecord) {
        if tenant.quotas.disk_bytes.is_some() {
            self.figure(tenant).count().measured = None;
        }
    }

    /// Forgets a tenant that is gone.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.figures().remove(tenant);
    }

    fn figure(&self, tenant: &TenantRecord) -> Arc<Figure> {
        let mut figures = self.figures();
        let known = figures.get(&tenant.id);
        if let Some(figure) = known.filter(|figure| figure.is_of(tenant.row, &tenant.quotas)) {
            return figure.clone();
        }
        let figure = Arc::new(Figure::new(tenant.row, tenant.quotas.clone()));
        figures.insert(tenant.id.clone(), figure.clone());
        figure
    }

    fn figures(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Figure>>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figure {
    fn new(row: u64, quotas: Arc<Quotas>) -> Self {
        Self { row, quotas, count: Mutex::default(), measuring: tokio::sync::Mutex::default(), still: Arc::default() }
    }

    fn is_of(&self, row: u64, quotas: &Arc<Quotas>) -> bool {
        self.row == row && Arc::ptr_eq(&self.quotas, quotas)
    }

    /// Takes room where there is known to be some.
    fn take(self: &Arc<Self>, bytes: u64, limit: u64) -> Option<Room> {
        self.add(bytes, limit).then(|| Room(Some(Taken { figure: self.clone(), limit, bytes })))
    }

    fn add(&self, bytes: u64, limit: u64) -> bool {
        let mut count = self.count();
        let fits = count.measured.is_some() && count.used().saturating_add(bytes) <= limit;
        if fits {
            count.written += bytes;
            count.pending += bytes;
        }
        fits
    }

    fn used(&self) -> u64 {
        self.count().used()
    }

    /// Whether a walk could find something else than what is known.
    fn is_outdated(&self) -> bool {
        let count = self.count();
        count.freed || count.written > 0 || count.measured.is_none_or(|(_, at)| at.elapsed() >= GOOD_FOR)
    }

    /// Before a walk: what it can be relied on to see of what was written.
    fn begin(&self) -> u64 {
        let mut count = self.count();
        count.freed = false;
        count.written - count.pending
    }

    /// After it: what it cannot have seen is still counted.
    fn end(&self, seen: u64, bytes: u64) {
        let mut count = self.count();
        count.measured = Some((bytes, Instant::now()));
        count.written -= seen;
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn used(&self) -> u64 {
        self.measured.map_or(0, |(bytes, _)| bytes).saturating_add(self.written)
    }
}

impl Room {
    /// Whether anything is counted: the tenant has such a quota.
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// Takes more of what is known to be there; false where there may be none.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let Some(taken) = &mut self.0 else { return true };
        let fits = taken.figure.add(bytes, taken.limit);
        if fits {
            taken.bytes += bytes;
        }
        fits
    }

    /// Takes another's bytes over, which end with this then.
    pub(crate) fn join(&mut self, mut other: Self) {
        match (&mut self.0, other.0.take()) {
            (Some(taken), Some(more)) if Arc::ptr_eq(&taken.figure, &more.figure) => taken.bytes += more.bytes,
            (None, more) => self.0 = more,
            // Of a figure that was begun anew meanwhile, by another quota.
            (Some(_), more) => drop(Self(more)),
        }
    }

    /// The write has ended, and took this much of it.
    pub(crate) fn settle(mut self, bytes: u64) {
        if let Some(taken) = self.0.take() {
            let mut count = taken.figure.count();
            count.written -= taken.bytes.saturating_sub(bytes);
            count.pending -= taken.bytes;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(taken) = self.0.take() {
            taken.figure.count().pending -= taken.bytes;
        }
    }
}

#[cfg(test)]
mod tests;
