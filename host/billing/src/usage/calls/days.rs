//! The counters that admission decides by: spent and reserved of each tenant, agent and component by day.
//!
//! A call belongs to the day in which it was admitted, whenever it ends: so a budget that held at
//! admission holds for good. A month is the sum of its days.

use std::sync::Arc;

use rusqlite::{Connection, Error, Result, Row, params};

use super::records::{Amounts, Caller};
use super::sql::{Sum, signed};

/// Whose counter: a tenant's, one of its agents', or one of its components'.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account<'a> {
    pub(super) tenant: &'a str,
    /// Empty for the whole tenant, and for a component.
    pub(super) agent: &'a str,
    /// A family; empty for the whole tenant, and for an agent.
    pub(super) component: &'a str,
}

/// An account, as a key: its names are one text, since it is looked for twice a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    names: String,
    /// Where the agent's and the component's begin.
    agent_at: usize,
    component_at: usize,
}

/// A day of an account, as a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Day {
    pub(super) tenant: String,
    pub(super) agent: String,
    pub(super) component: String,
    pub(super) start_ms: i64,
}

impl Owner {
    /// Whose counters a call is in.
    pub(super) fn of_caller(caller: &Caller) -> Vec<Arc<Self>> {
        let owner = |Account { tenant, agent, component }| Self {
            names: [tenant, agent, component].concat(),
            agent_at: tenant.len(),
            component_at: tenant.len() + agent.len(),
        };
        Account::of_caller(caller).map(|account| Arc::new(owner(account))).collect()
    }

    pub(super) fn account(&self) -> Account<'_> {
        let (tenant, others) = self.names.split_at(self.agent_at);
        let (agent, component) = others.split_at(self.component_at - self.agent_at);
        Account { tenant, agent, component }
    }
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
    pub(super) fn counts(self, db: &Connection, start_ms: i64, next_ms: i64) -> Result<Counts> {
        db.prepare_cached(
            "SELECT sum(cost_milli), sum(cost_pico), sum(tokens), sum(sandbox_ms),
                    sum(reserved_milli), sum(reserved_pico), sum(reserved_tokens), sum(reserved_sandbox_ms)
             FROM usage_days WHERE tenant = ?1 AND agent = ?2 AND component = ?3 AND day_ms >= ?4 AND day_ms < ?5",
        )?
        .query_row(params![self.tenant, self.agent, self.component, start_ms, next_ms], Counts::read)
    }

    /// Adds what became of a day's counters.
    pub(super) fn add(self, db: &Connection, day_ms: i64, change: &Counts) -> Result<()> {
        let [milli, pico, tokens, sandbox_ms, reserved @ ..] = &change.0;
        let [reserved_milli, reserved_pico, reserved_tokens, reserved_sandbox_ms] = reserved;
        db.prepare_cached(
            "INSERT INTO usage_days (tenant, agent, component, day_ms, cost_milli, cost_pico, tokens, sandbox_ms,
                                     reserved_milli, reserved_pico, reserved_tokens, reserved_sandbox_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO UPDATE SET
             cost_milli = cost_milli + ?5, cost_pico = cost_pico + ?6, tokens = tokens + ?7,
             sandbox_ms = sandbox_ms + ?8, reserved_milli = reserved_milli + ?9, reserved_pico = reserved_pico + ?10,
             reserved_tokens = reserved_tokens + ?11, reserved_sandbox_ms = reserved_sandbox_ms + ?12",
        )?
        .execute(params![
            self.tenant,
            self.agent,
            self.component,
            day_ms,
            milli,
            pico,
            tokens,
            sandbox_ms,
            reserved_milli,
            reserved_pico,
            reserved_tokens,
            reserved_sandbox_ms,
        ])
        .map(drop)
    }
}

/// The counters as the table has them, or a change of them: spent and reserved, money in two columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts([i64; 8]);

impl Counts {
    fn read(row: &Row<'_>) -> Result<Self> {
        let mut counts = [0; 8];
        for (column, count) in counts.iter_mut().enumerate() {
            *count = row.get::<_, Option<i64>>(column)?.unwrap_or_default();
        }
        Ok(Self(counts))
    }

    /// An amount is set aside.
    pub(super) fn reserved(amounts: &Amounts) -> Self {
        let [milli, pico, tokens, sandbox_ms] = columns(amounts);
        Self([0, 0, 0, 0, milli, pico, tokens, sandbox_ms])
    }

    /// What was set aside is no longer, and `spent` is.
    pub(super) fn settled(reserved: &Amounts, spent: &Amounts) -> Self {
        let [milli, pico, tokens, sandbox_ms] = columns(spent);
        let [reserved_milli, reserved_pico, reserved_tokens, reserved_sandbox_ms] = columns(reserved);
        let freed = [-reserved_milli, -reserved_pico, -reserved_tokens, -reserved_sandbox_ms];
        Self([milli, pico, tokens, sandbox_ms, freed[0], freed[1], freed[2], freed[3]])
    }

    pub(super) fn add(&mut self, change: &Self) {
        for (count, change) in self.0.iter_mut().zip(change.0) {
            *count = count.saturating_add(change);
        }
    }

    pub(super) fn used(&self) -> Result<Used> {
        Ok(Used { spent: self.amounts(0)?, reserved: self.amounts(4)? })
    }

    fn amounts(&self, first: usize) -> Result<Amounts> {
        let [milli, pico] = [self.0[first], self.0[first + 1]];
        let unsigned = |column: usize| {
            let count = self.0[column];
            u64::try_from(count).map_err(|_| Error::IntegralValueOutOfRange(column, count))
        };
        Ok(Amounts {
            cost: Sum { milli, pico }.amount().ok_or(Error::IntegralValueOutOfRange(first, pico))?,
            tokens: unsigned(first + 2)?,
            sandbox_ms: unsigned(first + 3)?,
        })
    }
}

fn columns(amounts: &Amounts) -> [i64; 4] {
    let Sum { milli, pico } = Sum::of(amounts.cost);
    [milli, pico, signed(amounts.tokens), signed(amounts.sandbox_ms)]
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

/// From the columns in the order of [`Counts`], which come first.
pub(super) fn used(row: &Row<'_>) -> Result<Used> {
    Counts::read(row)?.used()
}

#[cfg(test)]
mod tests;
