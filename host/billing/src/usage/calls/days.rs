//! The counters that admission decides by: spent and reserved of each tenant and agent by day.
//!
//! A call belongs to the day in which it was admitted, whenever it ends: so a budget that held at
//! admission holds for good. A month is the sum of its days.

use rusqlite::{Connection, Result, Row, params};

use super::records::Amounts;
use super::sql::{Sum, signed, unsigned};

/// Whose counter: a tenant's, or one of its agents'.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) tenant: &'a str,
    /// Empty for the whole tenant.
    pub(super) agent: &'a str,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) spent: Amounts,
    pub(super) reserved: Amounts,
}

impl<'a> Account<'a> {
    /// The tenant's own account and, where an agent calls, that agent's.
    pub(super) fn of(tenant: &'a str, agent: &'a str) -> impl Iterator<Item = Self> {
        let whole = Self { tenant, agent: "" };
        std::iter::once(whole).chain((!agent.is_empty()).then_some(Self { tenant, agent }))
    }

    /// The sum of the days that begin in `[start, next)`.
    pub(super) fn used(self, db: &Connection, start_ms: i64, next_ms: i64) -> Result<Used> {
        db.prepare_cached(
            "SELECT sum(cost_milli), sum(cost_pico), sum(tokens), sum(sandbox_ms),
                    sum(reserved_milli), sum(reserved_pico), sum(reserved_tokens), sum(reserved_sandbox_ms)
             FROM usage_days WHERE tenant = ?1 AND agent = ?2 AND day_ms >= ?3 AND day_ms < ?4",
        )?
        .query_row(params![self.tenant, self.agent, start_ms, next_ms], used)
    }

    /// Sets an amount aside.
    pub(super) fn reserve(self, db: &Connection, day_ms: i64, amounts: &Amounts) -> Result<()> {
        let cost = Sum::of(amounts.cost);
        db.prepare_cached(
            "INSERT INTO usage_days (tenant, agent, day_ms, reserved_milli, reserved_pico, reserved_tokens,
                                     reserved_sandbox_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
             reserved_milli = reserved_milli + ?4, reserved_pico = reserved_pico + ?5,
             reserved_tokens = reserved_tokens + ?6, reserved_sandbox_ms = reserved_sandbox_ms + ?7",
        )?
        .execute(params![
            self.tenant,
            self.agent,
            day_ms,
            cost.milli,
            cost.pico,
            signed(amounts.tokens),
            signed(amounts.sandbox_ms)
        ])
        .map(drop)
    }

    /// What was set aside is no longer, and `spent` is.
    pub(super) fn settle(self, db: &Connection, day_ms: i64, reserved: &Amounts, spent: &Amounts) -> Result<()> {
        let (before, after) = (Sum::of(reserved.cost), Sum::of(spent.cost));
        db.prepare_cached(
            "UPDATE usage_days SET cost_milli = cost_milli + ?4, cost_pico = cost_pico + ?5, tokens = tokens + ?6,
             sandbox_ms = sandbox_ms + ?7, reserved_milli = reserved_milli - ?8, reserved_pico = reserved_pico - ?9,
             reserved_tokens = reserved_tokens - ?10, reserved_sandbox_ms = reserved_sandbox_ms - ?11
             WHERE tenant = ?1 AND agent = ?2 AND day_ms = ?3",
        )?
        .execute(params![
            self.tenant,
            self.agent,
            day_ms,
            after.milli,
            after.pico,
            signed(spent.tokens),
            signed(spent.sandbox_ms),
            before.milli,
            before.pico,
            signed(reserved.tokens),
            signed(reserved.sandbox_ms)
        ])
        .map(drop)
    }
}

pub(super) fn used(row: &Row<'_>) -> Result<Used> {
    Ok(Used { spent: amounts(row, 0)?, reserved: amounts(row, 4)? })
}

fn amounts(row: &Row<'_>, first: usize) -> Result<Amounts> {
    Ok(Amounts {
        cost: Sum::read(row, first)?,
        tokens: unsigned(row, first + 2)?,
        sandbox_ms: unsigned(row, first + 3)?,
    })
}
