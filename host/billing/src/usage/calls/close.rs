//! How a reservation ends: settled, released, or estimated. Each in one transaction, keyed by the row's
//! id, so that ending it twice is ending it once.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use openclaw_config::File;
use openclaw_tenancy::PicoUsd;
use rusqlite::{Connection, Result};

use super::group::Group;
use super::open::{self, OpenCalls, Reserved};
use super::records::{Amounts, CallRow, MeterKind, Outcome, Settlement, WorkloadUsage};
use super::{meters, rows};
use crate::card::RateCard;
use crate::price::TokenCounts;

/// How a call that is to be settled stands.
#[derive(Debug)]
pub(super) enum Settled {
    Now,
    /// Its row where it was ended before; none where it was released.
    Before(Option<Box<CallRow>>),
}

/// Which of the open calls are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// All: their process is no more.
    All,
    /// Those that are open past their time.
    Expired,
}

/// What a reservation becomes; its row.
pub(super) fn row_of(reserved: &Reserved, card: &RateCard, settlement: Settlement) -> CallRow {
    match cost(card, reserved, &settlement.tokens) {
        Some(cost) => row(reserved, settlement, cost),
        // No provider counts like that: the worst case that was agreed to stands.
        None => {
            let (tokens, outcome) = (reserved.tokens, Outcome::Estimated);
            row(reserved, Settlement { tokens, outcome, ..settlement }, reserved.amounts.cost)
        }
    }
}

/// Makes a call of the cohort its row.
pub(super) fn settle(
    group: &mut Group<'_>,
    (cohort, reserved): (i64, &Reserved),
    row: &Arc<CallRow>,
) -> Result<Settled> {
    if write(group, (cohort, reserved), row)? {
        return Ok(Settled::Now);
    }
    Ok(Settled::Before(find(group.db, reserved)?.map(Box::new)))
}

/// The row of a call that has ended.
pub(super) fn find(db: &Connection, reserved: &Reserved) -> Result<Option<CallRow>> {
    rows::find(db, reserved.caller.tenant.as_str(), reserved.id)
}

/// Ends a call of which nobody knows how it went: its whole input is billed (a workload: all its time). False where
/// it has ended.
pub(super) fn estimate(
    group: &mut Group<'_>,
    (cohort, reserved): (i64, &Reserved),
    card: Option<&RateCard>,
    ended_at: Option<Timestamp>,
) -> Result<bool> {
    if reserved.is_of_sandbox() {
        return charge_sandbox(group, (cohort, reserved), reserved.amounts.sandbox_ms, true);
    }
    let input = TokenCounts { output_text: 0, output_reasoning: 0, ..reserved.tokens };
    let known = card.and_then(|card| cost(card, reserved, &input));
    let (tokens, cost) = known.map_or((reserved.tokens, reserved.amounts.cost), |cost| (input, cost));
    let unknown = Settlement {
        outcome: Outcome::Estimated,
        tokens,
        tool_calls: 0,
        model_served: None,
        provider_request_id: None,
        first_token_at: None,
        ended_at: reserved.started_at,
    };
    write(group, (cohort, reserved), &Arc::new(CallRow { ended_at, ..row(reserved, unknown, cost) }))
}

/// Ends a sandboxed workload by what it took. The time that it took to end one at its limit is not its own.
pub(super) fn settle_sandbox(
    group: &mut Group<'_>,
    (cohort, reserved): (i64, &Reserved),
    used: WorkloadUsage,
) -> Result<()> {
    let millis = used.wall_ms.min(reserved.amounts.sandbox_ms);
    if charge_sandbox(group, (cohort, reserved), millis, false)? {
        meters::add_workload(group.db, &reserved.caller, used, reserved.started_at)?;
    }
    Ok(())
}

/// Estimates whatever a process that is no more left open, or what is open past its time.
pub(super) fn estimate_all(db: &Connection, open: &Arc<OpenCalls>, which: Lost, now: Timestamp) -> Result<usize> {
    // When a call ended whose process was killed, nobody knows.
    let expired_at = (which == Lost::Expired).then_some(now);
    let mut group = Group::new(db, Arc::clone(open));
    let mut cards: HashMap<String, Option<RateCard>> = HashMap::new();
    let mut estimated = 0;
    for (cohort, calls) in open::rows(db, expired_at)? {
        let (lost, running): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| expired_at.is_none_or(|now| call.expires_at <= now));
        for call in lost {
            if call.is_of_sandbox() {
                estimated += usize::from(estimate_sandbox(&mut group, (cohort, &call), now)?);
                continue;
            }
            let version = &call.rate_card_version;
            if !cards.contains_key(version) {
                cards.insert(version.clone(), stored_card(db, version)?);
            }
            let card = cards[version].as_ref();
            estimated += usize::from(estimate(&mut group, (cohort, &call), card, expired_at)?);
        }
        if running.is_empty() {
            open::remove(db, cohort)?;
        }
    }
    group.write()?;
    Ok(estimated)
}

/// Ends a workload that is lost by now: it took no longer than there was since it was begun. None of it where the clock
/// stepped back.
fn estimate_sandbox(group: &mut Group<'_>, (cohort, reserved): (i64, &Reserved), now: Timestamp) -> Result<bool> {
    let since = now.as_millisecond() - reserved.started_at.as_millisecond();
    let millis = u64::try_from(since).unwrap_or_default().min(reserved.amounts.sandbox_ms);
    charge_sandbox(group, (cohort, reserved), millis, true)
}

/// A card as it was when rows were priced by it.
pub(crate) fn stored_card(db: &Connection, version: &str) -> Result<Option<RateCard>> {
    let text = rows::card_text(db, version)?;
    Ok(text.and_then(|text| RateCard::parse(File { name: "rate card", text: &text }).ok()))
}

fn cost(card: &RateCard, reserved: &Reserved, tokens: &TokenCounts) -> Option<PicoUsd> {
    let rule = card.rule(&reserved.model, reserved.started_at).ok()?;
    rule.prices.cost(tokens).ok().map(|cost| cost.total)
}

fn row(reserved: &Reserved, settlement: Settlement, cost: PicoUsd) -> CallRow {
    CallRow {
        id: reserved.id,
        caller: reserved.caller.clone(),
        method: reserved.method.clone(),
        provider: reserved.provider.clone(),
        model_requested: reserved.model.clone(),
        model_served: settlement.model_served,
        provider_request_id: settlement.provider_request_id,
        tokens: settlement.tokens,
        tool_calls: settlement.tool_calls,
        cost,
        rate_card_version: reserved.rate_card_version.clone(),
        started_at: reserved.started_at,
        first_token_at: settlement.first_token_at,
        ended_at: Some(settlement.ended_at),
        outcome: settlement.outcome,
    }
}

/// A call that is in no row of open calls was forgotten with its tenant, or ended long ago.
fn write(group: &mut Group<'_>, (cohort, call): (i64, &Reserved), row: &Arc<CallRow>) -> Result<bool> {
    let is_written = group.is_known(cohort)? && group.insert(row)?;
    if is_written {
        group.settle(call, &Amounts { cost: row.cost, tokens: row.tokens.total(), sandbox_ms: 0 });
    }
    Ok(is_written)
}

fn charge_sandbox(
    group: &mut Group<'_>,
    (cohort, reserved): (i64, &Reserved),
    millis: u64,
    estimated: bool,
) -> Result<bool> {
    let Reserved { id, caller, started_at, .. } = reserved;
    let is_written = group.is_known(cohort)?
        && meters::insert(group.db, *id, caller, (MeterKind::SandboxMs, millis), *started_at, estimated)?;
    if is_written {
        group.settle(reserved, &Amounts { sandbox_ms: millis, ..Amounts::default() });
    }
    Ok(is_written)
}
