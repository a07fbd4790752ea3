//! What a refused request is told: which quota, how far over, and the exact time that it resets.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use openclaw_tenancy::{PicoUsd, TenantId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::rate::{Policy, RateState};
use crate::window::Window;

#[cfg(test)]
mod tests;

/// A request over its quota: HTTP 429, JSON-RPC -32029.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The key of the quota object, `requests_per_minute`.
    pub quota: &'static str,
    pub limit: Amount,
    pub used: Amount,
    /// Set aside for calls that still run.
    pub reserved: Amount,
    /// What this request asked for.
    pub needed: Amount,
    pub unit: &'static str,
    /// For a rate: the window that ends when the next request fits; else the day or month. None
    /// where time gives no room.
    pub window: Option<Window>,
    /// The exact boundary.
    pub resets_at: Option<Timestamp>,
    /// Whole seconds until `resets_at`, and a jitter, so that refused callers do not return as one.
    pub retry_after_s: u64,
    pub largest_fitting_max_tokens: Option<u64>,
    /// All rate quotas of the tenant, for the headers.
    pub state: RateState,
}

/// A number of something, or money; in JSON a number or a decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Amount {
    Count(u64),
    Usd(PicoUsd),
}

impl Amount {
    /// For headers, which have integers alone: money in whole micro-USD, rounded down.
    fn whole(self) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Usd(amount) => u64::try_from(amount.pico() / 1_000_000).unwrap_or(u64::MAX),
        }
    }

    fn is_zero(self) -> bool {
        match self {
            Self::Count(count) => count == 0,
            Self::Usd(amount) => amount.pico() == 0,
        }
    }

    fn saturating_sub(self, other: Self) -> Self {
        match (self, other) {
            (Self::Usd(amount), Self::Usd(other)) => Self::Usd(amount.saturating_sub(other)),
            (amount, other) => Self::Count(amount.whole().saturating_sub(other.whole())),
        }
    }
}

impl From<u64> for Amount {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Usd(amount) => amount.fmt(f),
        }
    }
}

/// A quota of a day or a month that a call does not fit into.
pub(crate) struct CalendarRefusal {
    pub(crate) quota: &'static str,
    pub(crate) limit: Amount,
    pub(crate) used: Amount,
    pub(crate) reserved: Amount,
    pub(crate) needed: Amount,
    pub(crate) unit: &'static str,
    pub(crate) window: Window,
    pub(crate) largest_fitting_max_tokens: Option<u64>,
}

impl CalendarRefusal {
    pub(crate) fn at(self, now: Timestamp, tenant: &TenantId) -> Refusal {
        let resets_in = self.window.next.duration_since(now).unsigned_abs();
        let wait = u64::try_from(resets_in.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        let attempt = now.as_millisecond().unsigned_abs();
        let remaining = self.limit.saturating_sub(self.used).saturating_sub(self.reserved);
        let policy = Policy {
            quota: self.quota,
            limit: self.limit.whole(),
            remaining: remaining.whole(),
            window: self.window.length(),
            reset: resets_in,
        };
        Refusal {
            quota: self.quota,
            limit: self.limit,
            used: self.used,
            reserved: self.reserved,
            needed: self.needed,
            unit: self.unit,
            resets_at: Some(self.window.next),
            window: Some(self.window),
            retry_after_s: wait + jitter(tenant, self.quota, attempt, wait),
            largest_fitting_max_tokens: self.largest_fitting_max_tokens,
            state: RateState { policies: vec![policy] },
        }
    }
}

/// What the limiter knows of a refusal, before it has a place in time.
pub(crate) struct SlidingRefusal {
    pub(crate) quota: &'static str,
    pub(crate) limit: u64,
    pub(crate) used: u64,
    pub(crate) window: Duration,
    /// The exact boundary, and the time until then.
    pub(crate) resets_at: Timestamp,
    pub(crate) resets_in: Duration,
    /// How many refusals the tenant had before this.
    pub(crate) attempt: u64,
    pub(crate) state: RateState,
}

impl SlidingRefusal {
    pub(crate) fn told(self, tenant: &TenantId, tz: &str) -> Refusal {
        let next = self.resets_at;
        let start = next.checked_sub(self.window).unwrap_or(Timestamp::MIN);
        let wait = self.resets_in.as_millis().div_ceil(1_000);
        let wait = u64::try_from(wait).unwrap_or(u64::MAX).max(1);
        Refusal {
            quota: self.quota,
            limit: self.limit.into(),
            used: self.used.into(),
            reserved: Amount::Count(0),
            needed: Amount::Count(1),
            unit: "requests",
            window: Some(Window { start, next, tz: tz.to_owned() }),
            resets_at: Some(next),
            retry_after_s: wait + jitter(tenant, self.quota, self.attempt, wait),
            largest_fitting_max_tokens: None,
            state: self.state,
        }
    }
}

/// A tenth of the wait at most, 30 s at most; the same for the same tenant, quota and attempt.
fn jitter(tenant: &TenantId, quota: &str, attempt: u64, wait: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (tenant, quota, attempt).hash(&mut hasher);
    hasher.finish() % ((wait / 10).min(30) + 1)
}

/// A disk that is full is looked at again after this, in seconds.
const DISK_RETRY: u64 = 60;

impl Refusal {
    /// A write that does not fit into `disk_bytes`. Room comes when something is removed, not by a clock.
    pub fn disk(limit: u64, used: u64, needed: u64) -> Self {
        Self {
            quota: "disk_bytes",
            limit: limit.into(),
            used: used.into(),
            reserved: Amount::Count(0),
            needed: needed.into(),
            unit: "bytes",
            window: None,
            resets_at: None,
            retry_after_s: DISK_RETRY,
            largest_fitting_max_tokens: None,
            state: RateState::default(),
        }
    }

    /// Which quota it is, and the numbers where something is left and does not suffice.
    pub fn said(&self) -> String {
        let Self { quota, limit, used, reserved, needed, unit, .. } = self;
        let left = limit.saturating_sub(*used).saturating_sub(*reserved);
        if left.is_zero() {
            return format!("{quota} is used up ({limit} {unit})");
        }
        format!(
            "{quota} does not suffice: this needs up to {needed} {unit}, and of {limit} there is {left} left (used \
             {used}, reserved {reserved})"
        )
    }

    /// The members that every surface shows, in the contract's names.
    pub fn to_json(&self, request_id: &str) -> Value {
        json!({
            "quota": self.quota,
            "limit": self.limit,
            "used": self.used,
            "reserved": self.reserved,
            "needed": self.needed,
            "unit": self.unit,
            "window": self.window.as_ref().map(|window| json!({
                "start": window.start.to_string(),
                "next": window.next.to_string(),
                "tz": window.tz,
            })),
            "resets_at": self.resets_at.map(|at| at.to_string()),
            "largest_fitting_max_tokens": self.largest_fitting_max_tokens,
            "request_id": request_id,
        })
    }

    /// `RateLimit-Policy`, `RateLimit` and `Retry-After`, as names and values.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = match self.window {
            Some(_) => self.state.headers(),
            None => self.amount_headers(),
        };
        headers.push(("Retry-After", self.retry_after_s.to_string()));
        headers
    }
}

impl Refusal {
    /// The same two headers for an amount, which has no window.
    fn amount_headers(&self) -> Vec<(&'static str, String)> {
        let Self { quota, limit, unit, .. } = self;
        let remaining = limit.saturating_sub(self.used);
        vec![
            ("RateLimit-Policy", format!("\"{quota}\";q={limit};qu=\"{unit}\"")),
            ("RateLimit", format!("\"{quota}\";r={remaining}")),
        ]
    }
}

impl RateState {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11: lists of
    /// structured fields, one item a quota); nothing where no quota is set.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        if self.policies.is_empty() {
            return Vec::new();
        }
        let list = |item: fn(&Policy) -> String| self.policies.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(|p| format!("\"{}\";q={};w={}", p.quota, p.limit, p.window.as_secs()));
        let state = list(|p| {
            let reset = p.reset.as_millis().div_ceil(1_000);
            format!("\"{}\";r={};t={reset}", p.quota, p.remaining)
        });
        vec![("RateLimit-Policy", policy), ("RateLimit", state)]
    }
}
