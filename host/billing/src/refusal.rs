//! What a refused request is told: which quota, how far over, and the exact time that it resets.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use openclaw_tenancy::TenantId;
use serde_json::{Value, json};

use crate::rate::RateState;
use crate::window::Window;

#[cfg(test)]
mod tests;

/// A request over its quota: HTTP 429, JSON-RPC -32029.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The key of the quota object, `requests_per_minute`.
    pub quota: &'static str,
    pub limit: u64,
    pub used: u64,
    /// Set aside for calls that still run.
    pub reserved: u64,
    /// What this request asked for.
    pub needed: u64,
    pub unit: &'static str,
    /// For a rate: the window that ends when the next request fits. None where time gives no room.
    pub window: Option<Window>,
    /// The exact boundary.
    pub resets_at: Option<Timestamp>,
    /// Whole seconds until `resets_at`, and a jitter, so that refused callers do not return as one.
    pub retry_after_s: u64,
    pub largest_fitting_max_tokens: Option<u64>,
    /// All rate quotas of the tenant, for the headers.
    pub state: RateState,
}

/// What the limiter knows of a refusal.
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
            limit: self.limit,
            used: self.used,
            reserved: 0,
            needed: 1,
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
            limit,
            used,
            reserved: 0,
            needed,
            unit: "bytes",
            window: None,
            resets_at: None,
            retry_after_s: DISK_RETRY,
            largest_fitting_max_tokens: None,
            state: RateState::default(),
        }
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
        let list = |item: fn(&crate::Policy) -> String| self.policies.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(|p| format!("\"{}\";q={};w={}", p.quota, p.limit, p.window.as_secs()));
        let state = list(|p| {
            let reset = p.reset.as_millis().div_ceil(1_000);
            format!("\"{}\";r={};t={reset}", p.quota, p.remaining)
        });
        vec![("RateLimit-Policy", policy), ("RateLimit", state)]
    }
}
