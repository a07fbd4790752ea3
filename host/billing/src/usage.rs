//! The ledger, in `control.db`: requests and refusals, a row each tenant and month, and every metered
//! call (`calls.rs`).
//!
//! Requests are counted in memory and written by `flush` (its caller's timer: once a second, and at
//! the shutdown), so `kill -9` loses the last second of them at most. Refusals are written, grouped
//! with whatever else waits, before the caller is told: they are never lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_control::{ControlDb, ControlError};
use openclaw_tenancy::{Quotas, TenantId};
use rusqlite::Connection;

use crate::window::{Period, Window};
use calls::{MeterKind, RollupUnit, Sums};

pub(crate) mod calls;
mod rows;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;

use store::{Counts, UsageStore};

pub use snapshot::{Measured, TenantQuotaStatus, TenantUsageSnapshot};

/// Most months that a history answers.
pub const MAX_MONTHS: u32 = 120;

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the usage ledger: {0}")]
    Control(#[from] ControlError),
    #[error("the usage ledger: the call was released, so that it cannot be settled")]
    Released,
    #[error("there are more than {0} lines: narrow the period, or ask for a part of it at a time")]
    TooManyLines(usize),
}

type Result<T> = std::result::Result<T, LedgerError>;

/// The usage of all tenants; one a process.
pub struct UsageLedger {
    store: Arc<dyn UsageStore>,
    /// The calls' rows: reserving and settling decide inside the transaction that writes them.
    control: ControlDb,
    zone: TimeZone,
    calls: calls::Calls,
    counters: Arc<Mutex<Counters>>,
    /// Held for writing by a flush: a reader sees its rows and the counters of one moment. Waited for and held by
    /// tasks of the ledger's own alone, which no caller can leave halfway.
    flushing: Arc<tokio::sync::RwLock<()>>,
}

#[derive(Default)]
struct Counters {
    /// The month that was last counted in: the zone is asked once a month, not once a request.
    month: Option<(Period, Window)>,
    pending: Counts,
}

/// Requests not yet written, and when the last of them came.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    requests: u64,
    updated_at_ms: i64,
}

/// What the ledger has of a month.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    called: Sums,
    /// By the clock.
    sandbox_ms: u64,
    sandbox_cpu_ms: u64,
    /// Of one workload, the largest.
    sandbox_peak_bytes: u64,
    tools_run: u64,
    /// The largest that was measured.
    storage_bytes: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.updated_at_ms = self.updated_at_ms.max(other.updated_at_ms);
    }
}

impl UsageLedger {
    /// Brings the ledger's tables up to date and ends the calls that a killed process left open. Days
    /// and months are those of `zone`. No model has a price before [`set_rate_card`](Self::set_rate_card).
    /// Blocks: for the start. One at a time: the home's lock sees to that.
    pub fn open(control: ControlDb, zone: TimeZone) -> Result<Self> {
        Self::open_at(control, zone, Timestamp::now())
    }

    pub(crate) fn open_at(control: ControlDb, zone: TimeZone, now: Timestamp) -> Result<Self> {
        let calls = calls::Calls::open(&control, &zone, now)?;
        let store = Arc::new(rows::SqliteUsage::open(control.clone())?);
        Ok(Self { store, control, zone, calls, counters: Arc::default(), flushing: Arc::default() })
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn control(&self) -> &ControlDb {
        &self.control
    }

    /// Counts an admitted request, in memory.
    pub fn record_request(&self, tenant: &TenantId, now: Timestamp) {
        let mut counters = lock(&self.counters);
        let period = counters.period(now, &self.zone);
        let count = counters.pending.entry((tenant.clone(), period)).or_default();
        count.add(Count { requests: 1, updated_at_ms: now.as_millisecond() });
    }

    /// Counts a refused request; answered when it is durable, so that the refusal may be sent.
    pub async fn record_refusal(&self, tenant: &TenantId, quota: &'static str, now: Timestamp) -> Result<()> {
        let period = lock(&self.counters).period(now, &self.zone);
        Ok(self.store.add_refusal(tenant.clone(), period, quota, now.as_millisecond()).await?)
    }

    /// Writes what was counted, in one transaction. On an error the counts are kept for the next.
    pub async fn flush(&self) -> Result<()> {
        let (store, counters) = (Arc::clone(&self.store), Arc::clone(&self.counters));
        let flushing = Arc::clone(&self.flushing);
        // A task of its own: a caller that goes away must not lose what was taken.
        let flush = tokio::spawn(async move {
            let _exclusive = flushing.write().await;
            write_pending(&*store, &counters).await
        });
        flush.await.unwrap_or(Err(ControlError::Closed)).map_err(LedgerError::from)
    }

    /// Forgets a deleted tenant, so that a later one of the same name begins at nothing.
    pub async fn forget(&self, tenant: &TenantId) -> Result<()> {
        let (store, counters) = (Arc::clone(&self.store), Arc::clone(&self.counters));
        let (flushing, gone) = (Arc::clone(&self.flushing), tenant.clone());
        let removed = tokio::spawn(async move {
            let _exclusive = flushing.write().await;
            lock(&counters).pending.retain(|(counted, _), _| *counted != gone);
            store.remove(gone).await
        });
        removed.await.unwrap_or(Err(ControlError::Closed))?;
        let (tenant, zone) = (tenant.clone(), self.zone.clone());
        Ok(self.control.erase(move |tx| calls::Calls::forget(tx, tenant.as_str(), &zone)).await?)
    }

    /// The usage of one month; `measured` is what the ledger does not count.
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        period: Period,
        measured: &Measured,
    ) -> Result<TenantUsageSnapshot> {
        let count = self.count(tenant, period).await?;
        let called = self.called(tenant, period).await?;
        Ok(snapshot::of(tenant, period, (count, called), measured, &self.zone))
    }

    /// The months with usage among the newest `months` (1 to [`MAX_MONTHS`]), newest first; the
    /// running month is always there. Measures are of the present, so older months have none.
    pub async fn history(
        &self,
        tenant: &TenantId,
        months: u32,
        now: Timestamp,
        measured: &Measured,
    ) -> Result<Vec<TenantUsageSnapshot>> {
        let mut period = Period::of(now, &self.zone);
        let mut history = vec![self.snapshot(tenant, period, measured).await?];
        let stored = self.stored(tenant).await?;
        for _ in 1..months.clamp(1, MAX_MONTHS) {
            period = period.previous();
            if let Some(count) = stored.get(&period.to_string()) {
                let counted = (*count, self.called(tenant, period).await?);
                history.push(snapshot::of(tenant, period, counted, &Measured::default(), &self.zone));
            }
        }
        Ok(history)
    }

    /// The tenant's limits against its usage of the running month, and when each starts anew.
    pub async fn quota_status(
        &self,
        tenant: &TenantId,
        quotas: &Quotas,
        now: Timestamp,
        measured: &Measured,
    ) -> Result<TenantQuotaStatus> {
        let usage = self.snapshot(tenant, Period::of(now, &self.zone), measured).await?;
        Ok(snapshot::status(quotas, usage, now, measured, &self.zone))
    }

    /// How often each quota refused a request in a month, by the quota's name.
    pub async fn refusals(&self, tenant: &TenantId, period: Period) -> Result<Vec<(String, u64)>> {
        Ok(self.store.refusals(tenant.clone(), period).await?)
    }

    async fn count(&self, tenant: &TenantId, period: Period) -> Result<Count> {
        let (store, counters) = (Arc::clone(&self.store), Arc::clone(&self.counters));
        let (flushing, tenant) = (Arc::clone(&self.flushing), tenant.clone());
        // A task of its own: a caller that is not polled any more must not keep everyone from the lock.
        let count = tokio::spawn(async move {
            let _shared = flushing.read().await;
            let pending = lock(&counters).pending.get(&(tenant.clone(), period)).copied();
            let mut count = store.of_period(tenant, period).await?.unwrap_or_default();
            count.add(pending.unwrap_or_default());
            Ok(count)
        });
        count.await.unwrap_or(Err(ControlError::Closed)).map_err(LedgerError::from)
    }

    /// What the calls of a month add up to, and what else is metered of it.
    async fn called(&self, tenant: &TenantId, period: Period) -> Result<Used> {
        self.roll_up().await?;
        let (tenant, window) = (tenant.as_str().to_owned(), period.window(&self.zone));
        let read = move |db: &Connection| {
            let range = (window.start.as_millisecond(), window.next.as_millisecond());
            let mut called = Sums::default();
            for (_, sums) in calls::rollup::of_window(db, RollupUnit::Month, range, Some(&tenant))? {
                called.add(&sums);
            }
            let metered = |kind| calls::metered(db, &tenant, kind, &window);
            let (sandbox_cpu_ms, sandbox_peak_bytes) = calls::workloads(db, &tenant, &window)?;
            Ok(Used {
                called,
                sandbox_ms: metered(MeterKind::SandboxMs)?,
                sandbox_cpu_ms,
                sandbox_peak_bytes,
                tools_run: metered(MeterKind::ToolCalls)?,
                storage_bytes: metered(MeterKind::StorageBytes)?,
            })
        };
        Ok(self.control.read(read).await?)
    }

    async fn stored(&self, tenant: &TenantId) -> Result<HashMap<String, Count>> {
        Ok(self.store.of_tenant(tenant.clone()).await?)
    }
}

impl Counters {
    fn period(&mut self, now: Timestamp, zone: &TimeZone) -> Period {
        match &self.month {
            Some((period, window)) if window.holds(now) => *period,
            _ => {
                let period = Period::of(now, zone);
                self.month = Some((period, period.window(zone)));
                period
            }
        }
    }
}

async fn write_pending(store: &dyn UsageStore, counters: &Mutex<Counters>) -> std::result::Result<(), ControlError> {
    let taken = std::mem::take(&mut lock(counters).pending);
    if taken.is_empty() {
        return Ok(());
    }
    let outcome = store.add_requests(taken.clone()).await;
    if outcome.is_err() {
        let mut counters = lock(counters);
        for (key, count) in taken {
            counters.pending.entry(key).or_default().add(count);
        }
    }
    outcome
}

fn lock(counters: &Mutex<Counters>) -> MutexGuard<'_, Counters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}
