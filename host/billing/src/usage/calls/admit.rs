//! Whether a call fits into its quotas, decided on the writer's thread: of callers at once each sees
//! what the one before has reserved.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_tenancy::{PicoUsd, Quotas, TenantId};
use rusqlite::Result;

use super::days::{Account, Owner, Used};
use super::group::Group;
use super::open::Reserved;
use super::records::Amounts;
use crate::refusal::{Amount, CalendarRefusal, Refusal};
use crate::window::{CalendarUnit, Window, calendar_window};

/// The quotas that a call is held to.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    pub tenant: Quotas,
    /// Of the calling agent, beside the tenant's.
    pub agent: Option<Quotas>,
    /// What the component that asks may spend of a day.
    pub component_cost_per_day: Option<PicoUsd>,
}

impl Limits {
    /// Those that concern a call of these accounts.
    pub(super) fn concerning(
        &self,
        owners: &[Arc<Owner>],
        asks: Asks,
        (now, zone): (Timestamp, &TimeZone),
    ) -> Vec<Concerned> {
        let mut concerned = Vec::new();
        for owner in owners {
            let mut set = self.of(&owner.account(), asks);
            for unit in [CalendarUnit::Day, CalendarUnit::Month] {
                let limits: Vec<Limit> = set.extract_if(.., |limit| limit.unit == unit).collect();
                if !limits.is_empty() {
                    let window = calendar_window(now, unit, zone);
                    concerned.push(Concerned { owner: Arc::clone(owner), window, limits });
                }
            }
        }
        concerned
    }

    /// The limits of one of a call's accounts that concern it.
    fn of(&self, account: &Account<'_>, asks: Asks) -> Vec<Limit> {
        if !account.component.is_empty() {
            let most = self.component_cost_per_day.filter(|_| asks == Asks::Model);
            return most.map(component_limit).into_iter().collect();
        }
        let agent = !account.agent.is_empty();
        let quotas = if agent { self.agent.as_ref() } else { Some(&self.tenant) };
        quotas.map(|quotas| limits_of(quotas, agent, asks)).unwrap_or_default()
    }
}

/// A soft limit that a call passes, with what is used once it is counted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftLimit {
    pub quota: &'static str,
    pub limit: Amount,
    pub used: Amount,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Tokens and money.
    Model,
    /// The sandbox's time; less of it will do, down to this.
    Sandbox { least_ms: u64 },
}

impl Asks {
    pub(super) fn is_of_sandbox(self) -> bool {
        matches!(self, Self::Sandbox { .. })
    }
}

/// What is left of the scarcest hard limit; `None` without one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    pub(super) cost: Option<PicoUsd>,
    pub(super) tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Tokens,
    Cost,
    Sandbox,
}

/// What an account is held to in a window of time.
pub(super) struct Concerned {
    owner: Arc<Owner>,
    window: Window,
    limits: Vec<Limit>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    quota: &'static str,
    measure: Measure,
    unit: CalendarUnit,
    soft: bool,
    /// In the measure's smallest unit.
    most: u128,
}

/// A limit against what is used of it.
struct Standing<'a> {
    limit: Limit,
    window: &'a Window,
    used: u128,
    reserved: u128,
    needed: u128,
}

/// The soft limits that the call passes, or why it is refused. Of several quotas that refuse, the one
/// that holds longest is named.
pub(super) fn admit(
    group: &mut Group<'_>,
    call: &Reserved,
    limits: &[Concerned],
    now: Timestamp,
    largest: impl Fn(&Reserved, Room) -> Option<u64>,
) -> Result<std::result::Result<Vec<SoftLimit>, Box<Refusal>>> {
    let standings = standings(group, &call.amounts, limits)?;
    let passed = |standing: &&Standing<'_>| standing.used + standing.reserved + standing.needed > standing.limit.most;
    let hard = || standings.iter().filter(|standing| !standing.limit.soft);
    let mut refusing = None;
    for standing in hard().filter(passed) {
        // The first of those that hold equally long.
        if refusing.is_none_or(|longest: &Standing<'_>| standing.window.next > longest.window.next) {
            refusing = Some(standing);
        }
    }
    if let Some(standing) = refusing {
        let room = |measure| {
            let of_measure = hard().filter(|standing| standing.limit.measure == measure);
            of_measure.map(|s| s.limit.most.saturating_sub(s.used + s.reserved)).min()
        };
        let room = Room {
            cost: room(Measure::Cost).map(PicoUsd::from_pico),
            tokens: room(Measure::Tokens).map(|room| u64::try_from(room).unwrap_or(u64::MAX)),
        };
        return Ok(Err(Box::new(standing.refusal(now, &call.caller.tenant, largest(call, room)))));
    }
    let soft = standings.iter().filter(|standing| standing.limit.soft).filter(passed);
    Ok(Ok(soft.map(Standing::warning).collect()))
}

/// How much of the sandbox's time the hard limits leave, in milliseconds; `None` without one.
pub(super) fn sandbox_room(group: &mut Group<'_>, limits: &[Concerned]) -> Result<Option<u64>> {
    let standings = standings(group, &Amounts::default(), limits)?;
    let left = |standing: &Standing<'_>| standing.limit.most.saturating_sub(standing.used + standing.reserved);
    let hard = standings.iter().filter(|standing| !standing.limit.soft);
    Ok(hard.map(left).min().map(|room| u64::try_from(room).unwrap_or(u64::MAX)))
}

fn standings<'a>(group: &mut Group<'_>, needed: &Amounts, limits: &'a [Concerned]) -> Result<Vec<Standing<'a>>> {
    let mut standings = Vec::new();
    for Concerned { owner, window, limits } in limits {
        let used = group.used(owner, (window.start.as_millisecond(), window.next.as_millisecond()))?;
        standings.extend(limits.iter().map(|limit| Standing::of(*limit, window, &used, needed)));
    }
    Ok(standings)
}

fn component_limit(most: PicoUsd) -> Limit {
    let quota = "component.cost_per_day_usd";
    Limit { quota, measure: Measure::Cost, unit: CalendarUnit::Day, soft: false, most: most.pico() }
}

/// The limits of a quota object that concern the call; those of an agent have names of their own.
fn limits_of(quotas: &Quotas, agent: bool, asks: Asks) -> Vec<Limit> {
    use CalendarUnit::{Day, Month};
    use Measure::{Cost, Sandbox, Tokens};
    let tokens = |limit: Option<u64>| limit.map(u128::from);
    let cost = |limit: Option<PicoUsd>| limit.map(PicoUsd::pico);
    let seconds = quotas.sandbox_seconds_per_day.map(|seconds| u128::from(seconds) * 1_000);
    let table = [
        (["tokens_per_day", "agent.tokens_per_day"], Tokens, Day, false, tokens(quotas.tokens_per_day)),
        (["tokens_per_month", "agent.tokens_per_month"], Tokens, Month, false, tokens(quotas.tokens_per_month)),
        (["cost_per_day_usd", "agent.cost_per_day_usd"], Cost, Day, false, cost(quotas.cost_per_day_usd)),
        (["cost_per_month_usd", "agent.cost_per_month_usd"], Cost, Month, false, cost(quotas.cost_per_month_usd)),
        (["soft_tokens_per_day", "agent.soft_tokens_per_day"], Tokens, Day, true, tokens(quotas.soft_tokens_per_day)),
        (
            ["soft_tokens_per_month", "agent.soft_tokens_per_month"],
            Tokens,
            Month,
            true,
            tokens(quotas.soft_tokens_per_month),
        ),
        (["soft_cost_per_day_usd", "agent.soft_cost_per_day_usd"], Cost, Day, true, cost(quotas.soft_cost_per_day_usd)),
        (
            ["soft_cost_per_month_usd", "agent.soft_cost_per_month_usd"],
            Cost,
            Month,
            true,
            cost(quotas.soft_cost_per_month_usd),
        ),
        (["sandbox_seconds_per_day", "agent.sandbox_seconds_per_day"], Sandbox, Day, false, seconds),
    ];
    let concerned = |measure| (measure == Sandbox) == asks.is_of_sandbox();
    table
        .into_iter()
        .filter(|(_, measure, ..)| concerned(*measure))
        .filter_map(|(names, measure, unit, soft, most)| {
            Some(Limit { quota: names[usize::from(agent)], measure, unit, soft, most: most? })
        })
        .collect()
}

impl Measure {
    fn of(self, amounts: &Amounts) -> u128 {
        match self {
            Self::Tokens => amounts.tokens.into(),
            Self::Cost => amounts.cost.pico(),
            Self::Sandbox => amounts.sandbox_ms.into(),
        }
    }

    fn shown(self, amount: u128) -> Amount {
        match self {
            Self::Tokens => Amount::Count(u64::try_from(amount).unwrap_or(u64::MAX)),
            Self::Cost => Amount::Usd(PicoUsd::from_pico(amount)),
            Self::Sandbox => Amount::Count(u64::try_from(amount.div_ceil(1_000)).unwrap_or(u64::MAX)),
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Cost => "USD",
            Self::Sandbox => "seconds",
        }
    }
}

impl<'a> Standing<'a> {
    fn of(limit: Limit, window: &'a Window, used: &Used, needed: &Amounts) -> Self {
        let measure = limit.measure;
        Self {
            used: measure.of(&used.spent),
            reserved: measure.of(&used.reserved),
            needed: measure.of(needed),
            limit,
            window,
        }
    }

    fn refusal(&self, now: Timestamp, tenant: &TenantId, largest_fitting_max_tokens: Option<u64>) -> Refusal {
        let shown = |amount| self.limit.measure.shown(amount);
        CalendarRefusal {
            quota: self.limit.quota,
            limit: shown(self.limit.most),
            used: shown(self.used),
            reserved: shown(self.reserved),
            needed: shown(self.needed),
            unit: self.limit.measure.unit(),
            window: self.window.clone(),
            largest_fitting_max_tokens,
        }
        .at(now, tenant)
    }

    fn warning(&self) -> SoftLimit {
        let shown = |amount| self.limit.measure.shown(amount);
        let used = self.used + self.reserved + self.needed;
        SoftLimit { quota: self.limit.quota, limit: shown(self.limit.most), used: shown(used) }
    }
}
