//! How a reservation ends: settled, released, or estimated. Each in one transaction, keyed by the row's
//! id, so that ending it twice is ending it once.

use std::collections::HashMap;

use jiff::Timestamp;
use openclaw_config::File;
use openclaw_tenancy::PicoUsd;
use rusqlite::{Connection, Result, params};

use super::days::Account;
use super::meters;
use super::records::{Amounts, CallRow, MeterKind, Outcome, Settlement};
use super::rows::{self, Reserved};
use crate::card::RateCard;
use crate::price::TokenCounts;

/// Makes the reservation the call's row. The row that is there already where it was ended before; none
/// where it was released.
pub(super) fn settle(
    db: &Connection,
    reserved: &Reserved,
    card: &RateCard,
    settlement: &Settlement,
) -> Result<Option<CallRow>> {
    if !rows::remove_reserved(db, reserved.id)? {
        return rows::find(db, reserved.caller.tenant.as_str(), reserved.id);
    }
    let row = match cost(card, reserved, &settlement.tokens) {
        Some(cost) => row(reserved, settlement, settlement.tokens, cost, settlement.outcome),
        // No provider counts like that: the worst case that was agreed to stands.
        None => row(reserved, settlement, reserved.tokens, reserved.amounts.cost, Outcome::Estimated),
    };
    write(db, reserved, &row)?;
    Ok(Some(row))
}

/// Gives back what was set aside for a call that never reached the provider.
pub(super) fn release(db: &Connection, reserved: &Reserved) -> Result<()> {
    if rows::remove_reserved(db, reserved.id)? {
        charge(db, reserved, &Amounts::default())?;
        for account in Account::of_caller(&reserved.caller) {
            account.forget_unused(db, reserved.day_ms)?;
        }
    }
    Ok(())
}

/// Ends a call of which nobody knows how it went: its whole input is billed (a sandbox: its whole time).
pub(super) fn estimate(
    db: &Connection,
    reserved: &Reserved,
    card: Option<&RateCard>,
    ended_at: Option<Timestamp>,
) -> Result<()> {
    if !rows::remove_reserved(db, reserved.id)? {
        return Ok(());
    }
    if reserved.provider.is_empty() {
        let Reserved { id, caller, started_at, .. } = reserved;
        meters::insert(db, *id, caller, (MeterKind::SandboxMs, reserved.amounts.sandbox_ms), *started_at, true)?;
        return charge(db, reserved, &reserved.amounts);
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
    let row = CallRow { ended_at, ..row(reserved, &unknown, tokens, cost, Outcome::Estimated) };
    write(db, reserved, &row)
}

/// Ends a sandboxed workload by the time that it took. What it took to end one at its limit is not its own.
pub(super) fn settle_sandbox(db: &Connection, reserved: &Reserved, millis: u64, peak_bytes: u64) -> Result<()> {
    if !rows::remove_reserved(db, reserved.id)? {
        return Ok(());
    }
    let Reserved { id, caller, started_at, .. } = reserved;
    let millis = millis.min(reserved.amounts.sandbox_ms);
    meters::insert(db, *id, caller, (MeterKind::SandboxMs, millis), *started_at, false)?;
    meters::note_peak(db, caller, peak_bytes, *started_at)?;
    charge(db, reserved, &Amounts { sandbox_ms: millis, ..Amounts::default() })
}

/// Estimates whatever a process that is no more left open, or what is open past its time.
pub(super) fn estimate_all(db: &Connection, expired_at: Option<Timestamp>) -> Result<usize> {
    let open = match expired_at {
        None => rows::reserved_where(db, "true", [])?,
        Some(now) => rows::reserved_where(db, "expires_at_ms <= ?1", params![now.as_millisecond()])?,
    };
    let mut cards: HashMap<&str, Option<RateCard>> = HashMap::new();
    for reserved in &open {
        let version = reserved.rate_card_version.as_str();
        if !cards.contains_key(version) {
            cards.insert(version, stored_card(db, version)?);
        }
        estimate(db, reserved, cards[version].as_ref(), expired_at)?;
    }
    Ok(open.len())
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

fn row(reserved: &Reserved, settlement: &Settlement, tokens: TokenCounts, cost: PicoUsd, outcome: Outcome) -> CallRow {
    let settlement = settlement.clone();
    CallRow {
        id: reserved.id,
        caller: reserved.caller.clone(),
        method: reserved.method.clone(),
        provider: reserved.provider.clone(),
        model_requested: reserved.model.clone(),
        model_served: settlement.model_served,
        provider_request_id: settlement.provider_request_id,
        tokens,
        tool_calls: settlement.tool_calls,
        cost,
        rate_card_version: reserved.rate_card_version.clone(),
        started_at: reserved.started_at,
        first_token_at: settlement.first_token_at,
        ended_at: Some(settlement.ended_at),
        outcome,
    }
}

fn write(db: &Connection, reserved: &Reserved, row: &CallRow) -> Result<()> {
    rows::insert(db, row)?;
    charge(db, reserved, &Amounts { cost: row.cost, tokens: row.tokens.total(), sandbox_ms: 0 })
}

fn charge(db: &Connection, reserved: &Reserved, spent: &Amounts) -> Result<()> {
    for account in Account::of_caller(&reserved.caller) {
        account.settle(db, reserved.day_ms, &reserved.amounts, spent)?;
    }
    Ok(())
}
