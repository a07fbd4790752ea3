//! Money and limits: request rates, windows of time, the rate card, the ledger of metered calls, its
//! reports, and what a refusal says. Nothing here opens a file or reads a clock: the ledger writes
//! through `ControlDb`, and the time is a parameter everywhere.
//!
//! # A model call
//!
//! ```text
//! let mut reservation = ledger.reserve(call, limits, now).await?;   // durable; Refused goes to the client as it is
//! reservation.mark_sent();                                          // before the first byte leaves
//! …call the provider; read on for a while after the client has gone…
//! reservation.settle(settlement).await?;                            // durable, before the last byte of the answer
//! ```
//!
//! - `input_tokens` is counted with its margins, `max_output_tokens` is the cap that is sent upstream.
//! - The provider's adapter makes the token classes disjoint. Where it has no usage it counts itself and
//!   says `Outcome::Estimated`; a call that reached the provider has its input at the least.
//! - `reserve` has counted a refusal when it tells it: no `record_refusal` for that one.
//! - A call that was not sent is `release`d. A reservation that is dropped ends by itself, one of a killed
//!   process when the ledger opens, one that outlives its `expires_at` by `expire`, on a timer.
//! - `Limits` are the tenant's quotas and, where its configuration has any, the calling agent's.
//! - A sandboxed workload is `reserve_sandbox`ed, by as much of its time as is left, and settled by its milliseconds;
//!   tools that ran are told to `meter_tools`, the size of a tenant's directory to `meter_storage`.
//!
//! # Start, doctor and reports
//!
//! `UsageLedger::open`, then `set_rate_card(RateCard::parse(file))`, or of an inline card
//! `RateCard::read(&Located::part(card, "billing.rate_card", &loaded))`; again whenever the
//! configuration changes. `check(Some(now))` at the start, `check(None)` for the doctor. `roll_up` on the
//! timer of `flush`, so that reports have little left to add up. `report`, `summary`, `rollup`, `calls`
//! and `rerate` answer a `Table`, `explain` what makes one; `Table` is written as CSV, JSON or text.

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
pub use rate::{Instants, Policy, RateLimiter, RateState, RequestRates};
pub use refusal::{Amount, Refusal};
pub use report::{Cell, Query, RowExplanation, Table};
pub use usage::calls::{
    CallId, CallRow, Caller, Discrepancy, Limits, MeterKind, ModelCall, Outcome, Reservation, ReserveError, RollupUnit,
    SandboxReservation, Settlement, SoftLimit, Sums, WorkloadUsage,
};
pub use usage::{LedgerError, MAX_MONTHS, Measured, TenantQuotaStatus, TenantUsageSnapshot, UsageLedger};
pub use window::{
    CalendarUnit, ParsePeriodError, ParseSpanError, Period, ReportSpan, Window, calendar_window, hour_window,
};
