//! The promises of the ledger of calls, on real databases.

mod agreement;
mod budgets;
mod days;
mod metering;
mod settling;

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use openclaw_config::File;
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::{PicoUsd, Quotas, TenantId};
use tempfile::TempDir;

use super::days::Account;
use super::*;
use crate::{Amount, CacheWrites, Measured, Period, RateCard, UsageLedger};

const CARD: &str = "small: {input: 1, output: 2, cache_read: 0.1, tiers: [{above_input_tokens: 1000, input: 3}]}";

fn card(text: &str) -> RateCard {
    RateCard::parse(File { name: "card", text }).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-26T12:00:00Z")
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

async fn open_in(home: &Path, zone: TimeZone) -> Arc<UsageLedger> {
    open_at(home, zone, noon()).await
}

async fn open_at(home: &Path, zone: TimeZone, now: Timestamp) -> Arc<UsageLedger> {
    let path = home.join("control.db");
    let open = move || UsageLedger::open_at(ControlDb::open(&path, Durability::Process).unwrap(), zone, now).unwrap();
    let ledger = tokio::task::spawn_blocking(open).await.unwrap();
    ledger.set_rate_card(card(CARD)).await.unwrap();
    Arc::new(ledger)
}

async fn ledger() -> (TempDir, Arc<UsageLedger>) {
    let home = tempfile::tempdir().unwrap();
    let ledger = open_in(home.path(), TimeZone::UTC).await;
    (home, ledger)
}

async fn close(ledger: Arc<UsageLedger>) {
    tokio::task::spawn_blocking(move || drop(ledger)).await.unwrap();
}

/// What `kill -9` leaves: the reservation in the database, and nobody who ends it.
fn killed(mut reservation: Reservation) {
    reservation.held.forget();
}

fn caller() -> Caller {
    Caller { tenant: acme(), agent: "main".into(), session: Some("s".into()), run: None, component: "chat".into() }
}

/// At the most 100 + 2 × 50 = 200 µUSD and 150 tokens.
fn call(now: Timestamp) -> ModelCall {
    ModelCall {
        caller: caller(),
        method: "chat.send".into(),
        provider: "local".into(),
        model: "small".into(),
        input_tokens: 100,
        max_output_tokens: 50,
        cache_writes: CacheWrites::Never,
        expires_at: now + SignedDuration::from_mins(10),
    }
}

fn ended(tokens: TokenCounts) -> Settlement {
    Settlement {
        outcome: Outcome::Ok,
        tokens,
        tool_calls: 1,
        model_served: Some("small-2026".into()),
        provider_request_id: Some("req-1".into()),
        first_token_at: Some(noon()),
        ended_at: noon() + SignedDuration::from_secs(2),
    }
}

fn tokens(input_uncached: u64, output_text: u64) -> TokenCounts {
    TokenCounts { input_uncached, output_text, ..TokenCounts::default() }
}

fn tenant_limits(quotas: Quotas) -> Limits {
    Limits { tenant: quotas, ..Limits::default() }
}

fn micro(micro_usd: u128) -> PicoUsd {
    PicoUsd::from_pico(micro_usd * 1_000_000)
}

async fn rows_of(ledger: &UsageLedger) -> Vec<CallRow> {
    let read = |db: &Connection| {
        let mut rows = Vec::new();
        calls_between(db, None, (i64::MIN, i64::MAX), |row| rows.push(row))?;
        Ok(rows)
    };
    ledger.control.read(read).await.unwrap()
}

async fn assert_agrees(ledger: &UsageLedger) {
    assert_eq!(ledger.check(None).await.unwrap(), []);
    assert_eq!(ledger.check(Some(noon())).await.unwrap(), []);
}

async fn used(ledger: &UsageLedger, agent: &'static str) -> (PicoUsd, PicoUsd) {
    let read = move |db: &Connection| {
        Ok(Account { tenant: "acme", agent, component: "" }.counts(db, i64::MIN, i64::MAX)?.used()?)
    };
    let used = ledger.control.read(read).await.unwrap();
    (used.spent.cost, used.reserved.cost)
}

async fn used_by_component(ledger: &UsageLedger, component: &'static str) -> (PicoUsd, PicoUsd) {
    let account = Account { tenant: "acme", component, ..Account::default() };
    let used = ledger.control.read(move |db| Ok(account.counts(db, i64::MIN, i64::MAX)?.used()?)).await.unwrap();
    (used.spent.cost, used.reserved.cost)
}

async fn refused(ledger: &UsageLedger, call: ModelCall, limits: Limits, now: Timestamp) -> Box<Refusal> {
    match ledger.reserve(call, limits, now).await {
        Err(ReserveError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
