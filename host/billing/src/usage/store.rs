//! What the ledger writes down, and the seam behind which it does: `control.db` (`rows.rs`) is the one
//! implementation, a database that several gateways share can be another.

use std::collections::HashMap;
use std::pin::Pin;

use openclaw_control::ControlError;
use openclaw_tenancy::TenantId;

use super::Count;
use crate::Period;

/// An answer; what was written is durable then.
pub(super) type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, ControlError>> + Send + 'a>>;

/// Requests of a tenant in a month.
pub(super) type Counts = HashMap<(TenantId, Period), Count>;

/// The rows of the ledger, one a tenant and month.
pub(super) trait UsageStore: Send + Sync {
    /// Adds all of them, or none.
    fn add_requests(&self, counts: Counts) -> Stored<'_, ()>;

    /// Adds one refusal by a quota.
    fn add_refusal(&self, tenant: TenantId, period: Period, quota: &'static str, at_ms: i64) -> Stored<'_, ()>;

    /// Forgets a tenant.
    fn remove(&self, tenant: TenantId) -> Stored<'_, ()>;

    /// The requests of one month.
    fn of_period(&self, tenant: TenantId, period: Period) -> Stored<'_, Option<Count>>;

    /// The requests of every month, by its name.
    fn of_tenant(&self, tenant: TenantId) -> Stored<'_, HashMap<String, Count>>;

    /// How often each quota refused in one month.
    fn refusals(&self, tenant: TenantId, period: Period) -> Stored<'_, Vec<(String, u64)>>;
}
