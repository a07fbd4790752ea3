//! The request-rate limiter: `requests_per_minute` and `requests_per_hour` over sliding windows.
//!
//! No window of the quota's length ever holds more than the limit. Admissions are kept as a log of
//! short runs (at most 1/240 of the window long: 250 ms, 15 s), and a run leaves as a whole, when
//! its last request is a full window old. So a tenant's memory is bounded (about 8 KB with traffic
//! through a whole hour), and a request waits at most one run longer than an exact log would ask.
//!
//! Counting uses a monotonic clock: a wall clock that is set back admits nothing twice. Counts are
//! kept in memory only; a restart begins with empty windows.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_tenancy::{Quotas, TenantId};

use crate::refusal::{Refusal, SlidingRefusal};
use crate::window::zone_name;

mod sliding;
#[cfg(test)]
mod tests;

use sliding::SlidingLog;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const SHARDS: usize = 16;
/// The wall clock was set when it differs by more than this.
const CLOCK_DRIFT_MS: u64 = 1_000;

/// The present, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Instants {
    /// Time since any fixed moment, from a clock that is never set.
    pub monotonic: Duration,
    pub wall: Timestamp,
}

/// One quota that applied to a request, after it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub quota: &'static str,
    pub limit: u64,
    pub remaining: u64,
    pub window: Duration,
    /// Time until the oldest counted request leaves the window.
    pub reset: Duration,
}

/// The state of a tenant's rate quotas; empty when none is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateState {
    pub policies: Vec<Policy>,
}

/// Requests admitted in the last minute and hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestRates {
    pub minute: u64,
    pub hour: u64,
    /// For each rate quota that counts something: when it next gives room.
    pub resets_at: Vec<(&'static str, Timestamp)>,
}

/// Counts and limits the requests of every tenant.
pub struct RateLimiter {
    shards: Vec<Mutex<HashMap<TenantId, Tenant>>>,
    hasher: RandomState,
    tz: String,
    /// The wall clock's time when the monotonic clock began, in Unix milliseconds; see [`Self::wall_at`].
    begun: AtomicI64,
}

struct Tenant {
    minute: SlidingLog,
    hour: SlidingLog,
    /// Refusals so far: what the jitter of the next one is drawn from.
    refused: u64,
}

impl RateLimiter {
    /// `zone` is named in refusals; sliding windows do not depend on it.
    pub fn new(zone: &TimeZone) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            tz: zone_name(zone),
            begun: AtomicI64::new(i64::MIN),
        }
    }

    /// A moment of the monotonic clock by the wall clock: the same time whenever it is asked. The two clocks
    /// are laid beside each other once, and anew only when the wall clock was set.
    fn wall_at(&self, monotonic_ms: u64, now: Instants) -> Timestamp {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let seen = now.wall.as_millisecond().saturating_sub(signed(millis(now.monotonic)));
        let kept = self.begun.load(Ordering::Relaxed);
        let begun = if kept.abs_diff(seen) <= CLOCK_DRIFT_MS { kept } else { seen };
        self.begun.store(begun, Ordering::Relaxed);
        Timestamp::from_millisecond(begun.saturating_add(signed(monotonic_ms))).unwrap_or(Timestamp::MAX)
    }

    /// Counts one request, or refuses it and counts nothing. Of two quotas that refuse, the one
    /// that holds longest is named.
    pub fn check(&self, tenant: &TenantId, quotas: &Quotas, now: Instants) -> Result<(), Box<Refusal>> {
        let now_ms = millis(now.monotonic);
        let mut tenants = self.shard(tenant);
        let counted = match tenants.get_mut(tenant) {
            Some(counted) => counted,
            None => tenants.entry(tenant.clone()).or_insert_with(Tenant::new),
        };
        counted.forget_before(now_ms);
        let full = counted.limits(quotas).filter(|(_, limit, log)| log.count() >= *limit);
        if let Some((quota, limit, log)) = full.max_by_key(|(_, limit, log)| log.admits_at(*limit, now_ms)) {
            let admits_at = log.admits_at(limit, now_ms);
            let refused = SlidingRefusal {
                quota,
                limit,
                used: log.count(),
                window: log.length(),
                resets_at: self.wall_at(admits_at, now),
                resets_in: Duration::from_millis(admits_at - now_ms),
                attempt: counted.refused,
                state: counted.state(quotas, now_ms),
            };
            counted.refused += 1;
            drop(tenants);
            return Err(Box::new(refused.told(tenant, &self.tz)));
        }
        counted.minute.record(now_ms);
        counted.hour.record(now_ms);
        Ok(())
    }

    /// Requests admitted in the last minute and hour (counted whether or not a quota is set), and
    /// when the rate quotas that are in use give room.
    pub fn rates(&self, tenant: &TenantId, quotas: &Quotas, now: Instants) -> RequestRates {
        let now_ms = millis(now.monotonic);
        let mut tenants = self.shard(tenant);
        let Some(counted) = tenants.get_mut(tenant) else { return RequestRates::default() };
        counted.forget_before(now_ms);
        let used = counted.limits(quotas).filter(|(_, _, log)| log.count() > 0);
        let resets_at = used.map(|(quota, limit, log)| {
            let full = log.count() >= limit;
            let at = if full { Some(log.admits_at(limit, now_ms)) } else { log.oldest_leaves_at() };
            (quota, self.wall_at(at.unwrap_or(now_ms), now))
        });
        RequestRates { minute: counted.minute.count(), hour: counted.hour.count(), resets_at: resets_at.collect() }
    }

    /// Drops tenants that had no request for an hour; for a timer, a minute apart or more.
    pub fn forget_idle(&self, monotonic: Duration) {
        for shard in &self.shards {
            lock(shard).retain(|_, tenant| {
                tenant.forget_before(millis(monotonic));
                tenant.hour.count() > 0
            });
        }
    }

    /// Forgets a deleted tenant.
    pub fn forget(&self, tenant: &TenantId) {
        self.shard(tenant).remove(tenant);
    }

    fn shard(&self, tenant: &TenantId) -> MutexGuard<'_, HashMap<TenantId, Tenant>> {
        let hash = self.hasher.hash_one(tenant);
        lock(&self.shards[(hash % SHARDS as u64) as usize])
    }
}

impl Tenant {
    fn new() -> Self {
        Self { minute: SlidingLog::new(MINUTE), hour: SlidingLog::new(HOUR), refused: 0 }
    }

    fn forget_before(&mut self, now_ms: u64) {
        self.minute.forget_before(now_ms);
        self.hour.forget_before(now_ms);
    }

    /// The quotas that are set, each with its log.
    fn limits(&self, quotas: &Quotas) -> impl Iterator<Item = (&'static str, u64, &SlidingLog)> {
        let minute = quotas.requests_per_minute.map(|limit| ("requests_per_minute", limit, &self.minute));
        let hour = quotas.requests_per_hour.map(|limit| ("requests_per_hour", limit, &self.hour));
        minute.into_iter().chain(hour)
    }

    fn state(&self, quotas: &Quotas, now_ms: u64) -> RateState {
        let policies = self.limits(quotas).map(|(quota, limit, log)| Policy {
            quota,
            limit,
            remaining: limit.saturating_sub(log.count()),
            window: log.length(),
            reset: Duration::from_millis(log.oldest_leaves_at().unwrap_or(now_ms).saturating_sub(now_ms)),
        });
        RateState { policies: policies.collect() }
    }
}

impl Default for Instants {
    /// The beginning of both clocks.
    fn default() -> Self {
        Self { monotonic: Duration::ZERO, wall: Timestamp::UNIX_EPOCH }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
