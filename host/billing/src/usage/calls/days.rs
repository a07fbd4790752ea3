//! The counters that admission decides by: spent and reserved of each tenant, agent and component by day.
//!
//! A call belongs to the day in which it was admitted, whenever it ends: so a budget that held at
//! admission holds for good. A month is the sum of its days.

use rusqlite::{Connection, Result, Row, params};

use super::records::{Amounts, Caller};
use super::sql::{Sum, signed, unsigned};

/// Whose counter: a tenant's, one of its agents', or one of its components'.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account<'a> {
    pub(super) tenant: &'a str,
    /// Empty for the whole tenant, and for a component.
    pub(super) agent: &'a str,
    /// A family; empty for the whole tenant, and for an agent.
    pub(super) component: &'a str,
}

/// A day of an account, as a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Day {
    pub(super) tenant: String,
    pub(super) agent: String,
    pub(super) component: String,
    pub(super) start_ms: i64,
}

impl Day {
    pub(super) fn of(Account { tenant, agent, component }: Account<'_>, start_ms: i64) -> Self {
        Self { tenant: tenant.into(), agent: agent.into(), component: component.into(), start_ms }
    }

    pub(super) fn account(&self) -> Account<'_> {
        Account { tenant: &self.tenant, agent: &self.agent, component: &self.component }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) spent: Amounts,
    pub(super) reserved: Amounts,
}

impl<'a> Account<'a> {
    /// The tenant's own account, the agent's where one calls, and the component's where one asks.
    pub(super) fn of(tenant: &'a str, agent: &'a str, component: &'a str) -> impl Iterator<Item = Self> {
        let whole = Self { tenant, ..Self::default() };
        let agent = (!agent.is_empty()).then_some(Self { agent, ..whole });
        let component = (!component.is_empty()).then_some(Self { component, ..whole });
        std::iter::once(whole).chain(agent).chain(component)
    }

    pub(super) fn of_caller(caller: &'a Caller) -> impl Iterator<Item = Self> {
        Self::of(caller.tenant.as_str(), &caller.agent, &caller.component)
    }

    /// The sum of the days that begin in `[start, next)`.
    pub(super) fn used(self, db: &Connection, start_ms: i64, next_ms: i64) -> Result<Used> {
        db.prepare_cached(
            "SELECT sum(cost_milli), sum(cost_pico), sum(tokens), sum(sandbox_ms),
                    sum(reserved_milli), sum(reserved_pico), sum(reserved_tokens), sum(reserved_sandbox_ms)
             FROM usage_days WHERE tenant = ?1 AND agent = ?2 AND component = ?3 AND day_ms >= ?4 AND day_ms < ?5",
        )?
        .query_row(params![self.tenant, self.agent, self.component, start_ms, next_ms], used)
    }

    /// Sets an amount aside.
    pub(super) fn reserve(self, db: &Connection, day_ms: i64, amounts: &Amounts) -> Result<()> {
        let cost = Sum::of(amounts.cost);
        db.prepare_cached(
            "INSERT INTO usage_days (tenant, agent, day_ms, reserved_milli, reserved_pico, reserved_tokens,
                                     reserved_sandbox_ms, component)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET
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
            signed(amounts.sandbox_ms),
            self.component,
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
             WHERE tenant = ?1 AND agent = ?2 AND day_ms = ?3 AND component = ?12",
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
            signed(reserved.sandbox_ms),
            self.component,
        ])
        .map(drop)
    }
}

impl Account<'_> {
    /// Of an agent or a component that used nothing of a day, nothing is kept of it.
    pub(super) fn forget_unused(self, db: &Connection, day_ms: i64) -> Result<()> {
        if self.agent.is_empty() && self.component.is_empty() {
            return Ok(());
        }
        db.prepare_cached(
            "DELETE FROM usage_days WHERE tenant = ?1 AND agent = ?2 AND component = ?3 AND day_ms = ?4
             AND (cost_milli, cost_pico, tokens, sandbox_ms) = (0, 0, 0, 0)
             AND (reserved_milli, reserved_pico, reserved_tokens, reserved_sandbox_ms) = (0, 0, 0, 0)",
        )?
        .execute(params![self.tenant, self.agent, self.component, day_ms])
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

#[cfg(test)]
mod tests;
