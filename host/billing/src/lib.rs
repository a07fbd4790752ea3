//! Request-rate quotas and request usage: windows of time, the rate limiter at the request boundary,
//! what a refusal says, and the ledger's counters. Nothing here opens a file or reads a clock: the
//! ledger writes through `ControlDb`, and the time is a parameter everywhere.

#![forbid(unsafe_code)]

mod card;
mod price;
mod rate;
mod refusal;
mod report;
mod usage;
mod window;

pub use card::{RateCard, Rule, Unpriced};
pub use price::{CacheWrites, Cost, CostTooLarge, Price, PriceLine, Prices, TokenClass, TokenCounts, WorstCase};
pub use rate::{Admitted, Instants, Policy, RateLimiter, RateState, RequestRates};
pub use refusal::{Amount, Refusal};
pub use report::{Cell, Query, RowExplanation, Table};
pub use usage::calls::{
    CallId, CallRow, Caller, Discrepancy, Limits, MeterKind, ModelCall, Outcome, Reservation, ReserveError, RollupUnit,
    SandboxReservation, Settlement, SoftLimit, Sums,
};
pub use usage::{LedgerError, MAX_MONTHS, Measured, TenantQuotaStatus, TenantUsageSnapshot, UsageLedger};
pub use window::{
    CalendarUnit, ParsePeriodError, ParseSpanError, Period, ReportSpan, Window, calendar_window, hour_window,
};
