//! The promises of the ledger of calls, on real databases.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use openclaw_config::File;
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::{PicoUsd, Quotas, TenantId};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::Barrier;

use super::*;
use crate::{Amount, CacheWrites, Period, RateCard, UsageLedger};

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
    let path = home.join("control.db");
    let open = move || UsageLedger::open(ControlDb::open(&path, Durability::Process).unwrap(), zone).unwrap();
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
    Caller { tenant: acme(), agent: "main".into(), session: Some("s".into()), run: None }
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
    Limits { tenant: quotas, agent: None }
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
    let read = move |db: &Connection| Ok(Account { tenant: "acme", agent }.used(db, i64::MIN, i64::MAX)?);
    let used = ledger.control.read(read).await.unwrap();
    (used.spent.cost, used.reserved.cost)
}

async fn refused(ledger: &UsageLedger, call: ModelCall, limits: Limits, now: Timestamp) -> Box<Refusal> {
    match ledger.reserve(call, limits, now).await {
        Err(ReserveError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_reserved_settled_and_kept_as_the_provider_counted_it() {
    let (_home, ledger) = ledger().await;
    let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    assert_eq!(reservation.reserved_cost(), micro(200));
    assert_eq!(used(&ledger, "").await, (PicoUsd::ZERO, micro(200)));
    reservation.mark_sent();
    let counted = TokenCounts { input_cache_read: 10, ..tokens(80, 7) };
    let row = reservation.settle(ended(counted)).await.unwrap();

    assert_eq!(row.cost.to_string(), "0.000095");
    assert_eq!((row.tokens, row.outcome, row.tool_calls), (counted, Outcome::Ok, 1));
    assert_eq!(row.id, reservation.id());
    assert_eq!(rows_of(&ledger).await, std::slice::from_ref(&row));
    assert_eq!(ledger.call(row.id).await.unwrap(), Some(row));
    assert_eq!(used(&ledger, "").await, (micro(95), PicoUsd::ZERO));
    assert_eq!(used(&ledger, "main").await, (micro(95), PicoUsd::ZERO));
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_ten_times_bills_once() {
    let (_home, ledger) = ledger().await;
    let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    let first = reservation.settle(ended(tokens(100, 10))).await.unwrap();
    for more in 11..20 {
        assert_eq!(reservation.settle(ended(tokens(100, more))).await.unwrap(), first);
    }
    assert_eq!(rows_of(&ledger).await.len(), 1);
    assert_eq!(used(&ledger, "").await, (micro(120), PicoUsd::ZERO));
    assert_agrees(&ledger).await;
}

/// R5: of N callers at once on a budget that fits k, exactly k.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_that_fits_k_admits_exactly_k_of_2_to_200_callers() {
    for (callers, fitting) in [(2, 1), (3, 2), (17, 5), (64, 63), (200, 1), (200, 70), (200, 200)] {
        let (_home, ledger) = ledger().await;
        // One pico-USD less than fits one more.
        let budget = PicoUsd::from_pico(micro(200).pico() * (fitting + 1) - 1);
        let quotas = Quotas { cost_per_month_usd: Some(budget), ..Quotas::default() };
        let barrier = Arc::new(Barrier::new(callers));
        let calls: Vec<_> = (0..callers)
            .map(|_| {
                let (ledger, barrier, limits) = (ledger.clone(), barrier.clone(), tenant_limits(quotas.clone()));
                tokio::spawn(async move {
                    barrier.wait().await;
                    let reserved = ledger.reserve(call(noon()), limits, noon()).await;
                    // Held until everyone has been answered, and settled at its worst.
                    barrier.wait().await;
                    match reserved {
                        Ok(mut reservation) => Some(reservation.settle(ended(tokens(100, 50))).await.unwrap()),
                        Err(ReserveError::Refused(_)) => None,
                        Err(error) => panic!("{error}"),
                    }
                })
            })
            .collect();
        let mut admitted = 0;
        for call in calls {
            admitted += u128::from(call.await.unwrap().is_some());
        }
        assert_eq!(admitted, fitting, "{callers} callers");
        let spent = PicoUsd::from_pico(micro(200).pico() * fitting);
        assert_eq!(used(&ledger, "").await, (spent, PicoUsd::ZERO));
        let sum: u128 = rows_of(&ledger).await.iter().map(|row| row.cost.pico()).sum();
        assert_eq!(sum, spent.pico());
        assert_agrees(&ledger).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_what_how_much_and_until_when() {
    let (_home, ledger) = ledger().await;
    let quotas = Quotas { cost_per_day_usd: Some(micro(350)), tokens_per_month: Some(1_000), ..Quotas::default() };
    let limits = tenant_limits(quotas);
    let _open = ledger.reserve(call(noon()), limits.clone(), noon()).await.unwrap();
    let refusal = refused(&ledger, call(noon()), limits, noon()).await;
    let mut told = refusal.to_json("01JD");
    assert_eq!(told["largest_fitting_max_tokens"], 25, "350 - 200 - 100 leaves 50 micro-USD, 2 each");
    told["largest_fitting_max_tokens"] = serde_json::Value::Null;
    assert_eq!(
        told,
        serde_json::json!({
            "quota": "cost_per_day_usd", "limit": "0.00035", "used": "0", "reserved": "0.0002", "needed": "0.0002",
            "unit": "USD", "resets_at": "2026-11-27T00:00:00Z", "largest_fitting_max_tokens": null,
            "window": {"start": "2026-11-26T00:00:00Z", "next": "2026-11-27T00:00:00Z", "tz": "UTC"},
            "request_id": "01JD",
        })
    );
    let headers = refusal.headers();
    assert_eq!(headers[0].1, r#""cost_per_day_usd";q=350;w=86400"#);
    assert_eq!(headers[1].1, r#""cost_per_day_usd";r=150;t=43200"#);
    assert!((43_200..=43_230).contains(&refusal.retry_after_s), "the boundary and some jitter");
    let month: Period = "2026-11".parse().unwrap();
    assert_eq!(ledger.refusals(&acme(), month).await.unwrap(), [("cost_per_day_usd".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_that_holds_longest_is_named() {
    let (_home, ledger) = ledger().await;
    let quotas = Quotas { tokens_per_day: Some(1), tokens_per_month: Some(149), ..Quotas::default() };
    let refusal = refused(&ledger, call(noon()), tenant_limits(quotas), noon()).await;
    assert_eq!((refusal.quota, refusal.needed), ("tokens_per_month", Amount::Count(150)));
    assert_eq!(refusal.resets_at, Some(at("2026-12-01T00:00:00Z")));
    assert_eq!(refusal.largest_fitting_max_tokens, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_has_a_budget_of_its_own_inside_the_tenants() {
    let (_home, ledger) = ledger().await;
    let agent = Quotas { tokens_per_day: Some(150), ..Quotas::default() };
    let limits = Limits { tenant: Quotas::default(), agent: Some(agent) };
    let _main = ledger.reserve(call(noon()), limits.clone(), noon()).await.unwrap();
    assert_eq!(refused(&ledger, call(noon()), limits.clone(), noon()).await.quota, "agent.tokens_per_day");
    let mut other = call(noon());
    other.caller.agent = "other".into();
    ledger.reserve(other, limits, noon()).await.unwrap().release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_limit_warns_and_admits() {
    let (_home, ledger) = ledger().await;
    let quotas =
        Quotas { soft_tokens_per_day: Some(149), soft_cost_per_month_usd: Some(micro(200)), ..Quotas::default() };
    let reservation = ledger.reserve(call(noon()), tenant_limits(quotas), noon()).await.unwrap();
    let expected = SoftLimit { quota: "soft_tokens_per_day", limit: 149.into(), used: 150.into() };
    assert_eq!(reservation.soft_limits(), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_price_is_not_called() {
    let (_home, ledger) = ledger().await;
    let unknown = ModelCall { model: "other".into(), ..call(noon()) };
    assert!(matches!(ledger.reserve(unknown, Limits::default(), noon()).await, Err(ReserveError::Unpriced(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_reached_the_provider_costs_nothing() {
    let (_home, ledger) = ledger().await;
    ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap().release().await.unwrap();
    assert_eq!(used(&ledger, "").await, (PicoUsd::ZERO, PicoUsd::ZERO));
    assert_eq!(rows_of(&ledger).await, []);
    assert_agrees(&ledger).await;
}

/// Dropping writes on a task of its own; the ledger's writer takes it before what comes later.
async fn until_nothing_is_reserved(ledger: &UsageLedger) {
    while used(ledger, "").await.1 != PicoUsd::ZERO {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_given_back_or_billed_by_its_input() {
    let (_home, ledger) = ledger().await;
    drop(ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap());
    until_nothing_is_reserved(&ledger).await;
    assert_eq!(rows_of(&ledger).await, []);

    let mut sent = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    sent.mark_sent();
    drop(sent);
    until_nothing_is_reserved(&ledger).await;
    let rows = rows_of(&ledger).await;
    assert_eq!((rows[0].outcome, rows[0].cost, rows.len()), (Outcome::Estimated, micro(100), 1));
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_at_any_point_leaves_nothing_reserved_and_nothing_half_billed() {
    for polls in 0..4 {
        let (_home, ledger) = ledger().await;
        // Goes away while its reservation is written.
        let mut reserving = Box::pin(ledger.reserve(call(noon()), Limits::default(), noon()));
        for _ in 0..polls {
            if let std::task::Poll::Ready(reserved) = poll_once(reserving.as_mut()).await {
                drop(reserved);
                break;
            }
        }
        drop(reserving);
        // Goes away while its end is written.
        let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
        reservation.mark_sent();
        let mut settling = Box::pin(reservation.settle(ended(tokens(10, 5))));
        for _ in 0..polls {
            if poll_once(settling.as_mut()).await.is_ready() {
                break;
            }
        }
        drop(settling);
        drop(reservation);
        // What was cancelled first was queued first, so that this comes behind both.
        ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap().release().await.unwrap();
        until_nothing_is_reserved(&ledger).await;
        let rows = rows_of(&ledger).await;
        let expected = if polls == 0 { (Outcome::Estimated, micro(100)) } else { (Outcome::Ok, micro(20)) };
        assert_eq!((rows[0].outcome, rows[0].cost, rows.len()), (expected.0, expected.1, 1), "{polls} polls");
        assert_agrees(&ledger).await;
    }
}

/// Polls once, and lets others run.
async fn poll_once<F: Future + ?Sized>(mut future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await;
    tokio::task::yield_now().await;
    polled
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_an_open_call_is_an_estimated_row() {
    let home = tempfile::tempdir().unwrap();
    let before = open_in(home.path(), TimeZone::UTC).await;
    let mut done = before.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    done.settle(ended(tokens(10, 1))).await.unwrap();
    killed(before.reserve(call(noon()), Limits::default(), noon()).await.unwrap());
    close(before).await;

    let after = open_in(home.path(), TimeZone::UTC).await;
    let rows = rows_of(&after).await;
    assert_eq!(rows.len(), 2);
    let ended = rows.iter().find(|row| row.outcome == Outcome::Ok).unwrap();
    assert_eq!(ended.cost, micro(12));
    let lost = rows.iter().find(|row| row.outcome == Outcome::Estimated).unwrap();
    assert_eq!((lost.cost, lost.tokens, lost.ended_at), (micro(100), tokens(100, 0), None));
    assert_eq!(used(&after, "").await, (micro(112), PicoUsd::ZERO));
    assert_agrees(&after).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_open_past_its_time_is_estimated_and_a_late_end_changes_nothing() {
    let (_home, ledger) = ledger().await;
    let mut late = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    assert_eq!(ledger.expire(noon() + SignedDuration::from_mins(9)).await.unwrap(), 0);
    assert_eq!(ledger.expire(noon() + SignedDuration::from_mins(10)).await.unwrap(), 1);
    let row = late.settle(ended(tokens(1, 1))).await.unwrap();
    assert_eq!((row.outcome, row.cost), (Outcome::Estimated, micro(100)));
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_reports_more_than_was_reserved_is_believed_and_the_next_call_is_refused() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { cost_per_day_usd: Some(micro(400)), ..Quotas::default() });
    let mut reservation = ledger.reserve(call(noon()), limits.clone(), noon()).await.unwrap();
    let row = reservation.settle(ended(tokens(2_000, 50))).await.unwrap();
    assert_eq!((row.cost, row.outcome), (micro(6_100), Outcome::Ok), "at the tier that it fell into");
    let refusal = refused(&ledger, call(noon()), limits, noon()).await;
    assert_eq!((refusal.used, refusal.largest_fitting_max_tokens), (Amount::Usd(micro(6_100)), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_reports_the_impossible_gets_the_worst_case() {
    let (_home, ledger) = ledger().await;
    let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    let row = reservation.settle(ended(tokens(u64::MAX, u64::MAX))).await.unwrap();
    assert_eq!((row.cost, row.outcome, row.tokens.total()), (micro(200), Outcome::Estimated, 150));
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_the_card_that_it_was_reserved_with() {
    let (_home, ledger) = ledger().await;
    let mut running = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    let before = ledger.rate_card().version().to_owned();
    ledger.set_rate_card(card("small: {input: 50, output: 50}")).await.unwrap();
    let row = running.settle(ended(tokens(100, 0))).await.unwrap();
    assert_eq!((row.cost, row.rate_card_version), (micro(100), before));
    let mut next = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    assert_eq!(next.settle(ended(tokens(100, 0))).await.unwrap().cost, micro(5_000));
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_an_hour_admits_nothing_twice() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { tokens_per_day: Some(150), ..Quotas::default() });
    let midnight = at("2026-11-27T00:30:00Z");
    let mut first = ledger.reserve(call(midnight), limits.clone(), midnight).await.unwrap();
    first.settle(ended(tokens(100, 50))).await.unwrap();
    let back = midnight - SignedDuration::from_hours(1);
    let mut day_before = ledger.reserve(call(back), limits.clone(), back).await.unwrap();
    day_before.settle(ended(tokens(100, 50))).await.unwrap();
    refused(&ledger, call(back), limits.clone(), back).await;
    refused(&ledger, call(midnight), limits, midnight).await;
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_belongs_to_the_day_that_admitted_it() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { tokens_per_day: Some(150), ..Quotas::default() });
    let late = at("2026-11-26T23:59:59.999Z");
    let mut running = ledger.reserve(call(late), limits.clone(), late).await.unwrap();
    let next_day = at("2026-11-27T00:00:00Z");
    let mut first_of_day = ledger.reserve(call(next_day), limits.clone(), next_day).await.unwrap();
    running.settle(ended(tokens(100, 50))).await.unwrap();
    first_of_day.settle(ended(tokens(100, 50))).await.unwrap();
    refused(&ledger, call(next_day), limits, next_day).await;
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sandbox_seconds_are_reserved_and_charged_as_they_were() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { sandbox_seconds_per_day: Some(60), ..Quotas::default() });
    let reserve = |millis| ledger.reserve_sandbox(caller(), millis, limits.clone(), (noon(), noon()));
    let first = reserve(40_000).await.unwrap();
    let Err(ReserveError::Refused(refusal)) = reserve(30_000).await else { panic!("40 + 30 do not fit into 60") };
    assert_eq!((refusal.quota, refusal.reserved, refusal.needed), ("sandbox_seconds_per_day", 40.into(), 30.into()));
    first.settle(1_500).await.unwrap();
    reserve(58_500).await.unwrap().settle(0).await.unwrap();
    drop(reserve(1_000).await.unwrap());
    let charged = || async {
        let read = |db: &Connection| Ok(Account { tenant: "acme", agent: "" }.used(db, i64::MIN, i64::MAX)?);
        ledger.control.read(read).await.unwrap()
    };
    while charged().await.reserved.sandbox_ms > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(charged().await.spent.sandbox_ms, 2_500, "what was dropped is charged whole");
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_metered_once() {
    let (_home, ledger) = ledger().await;
    let id = UsageLedger::mint_id(noon());
    for _ in 0..3 {
        ledger.meter(id, caller(), MeterKind::ToolCalls, 1, noon()).await.unwrap();
    }
    for bytes in [10, 30, 20] {
        ledger.meter(UsageLedger::mint_id(noon()), caller(), MeterKind::StorageBytes, bytes, noon()).await.unwrap();
    }
    let of = |kind| {
        let window = RollupUnit::Day.window(noon(), ledger.zone());
        ledger.control.read(move |db| Ok(metered(db, "acme", kind, &window)?))
    };
    assert_eq!(of(MeterKind::ToolCalls).await.unwrap(), 1);
    assert_eq!(of(MeterKind::StorageBytes).await.unwrap(), 30, "the largest that was measured");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_zone_has_other_days_of_the_same_rows() {
    let home = tempfile::tempdir().unwrap();
    let before = open_in(home.path(), TimeZone::UTC).await;
    let late = at("2026-11-26T23:30:00Z");
    let mut reservation = before.reserve(call(late), Limits::default(), late).await.unwrap();
    reservation.settle(ended(tokens(100, 50))).await.unwrap();
    before.roll_up().await.unwrap();
    close(before).await;

    let after = open_in(home.path(), TimeZone::get("Asia/Tokyo").unwrap()).await;
    assert_agrees(&after).await;
    let limits = tenant_limits(Quotas { tokens_per_day: Some(299), ..Quotas::default() });
    refused(&after, call(late), limits.clone(), at("2026-11-27T10:00:00Z")).await;
    let noon = noon();
    after.reserve(call(noon), limits, noon).await.unwrap().release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_are_one_row_whatever_agents_and_models_a_client_invents() {
    let (_home, ledger) = ledger().await;
    ledger.set_rate_card(card("default: {input: 1, output: 2}")).await.unwrap();
    let limits = tenant_limits(Quotas { tokens_per_day: Some(1), ..Quotas::default() });
    for name in ["one", "two", "three"] {
        let mut call = call(noon());
        (call.caller.agent, call.model) = (name.into(), name.into());
        refused(&ledger, call, limits.clone(), noon()).await;
    }
    let count = |db: &Connection| {
        let sums = "SELECT count(*), sum(refused), max(model) FROM usage_refused_calls";
        Ok(db.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
    };
    let (rows, calls, model): (i64, i64, String) = ledger.control.read(count).await.unwrap();
    assert_eq!((rows, calls, model.as_str()), (1, 3, "default"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_takes_its_rows_and_no_others_with_it() {
    let (_home, ledger) = ledger().await;
    let of = |tenant: &str| {
        let mut call = call(noon());
        call.caller.tenant = tenant.parse().unwrap();
        let ledger = ledger.clone();
        async move {
            let mut reservation = ledger.reserve(call, Limits::default(), noon()).await.unwrap();
            reservation.settle(ended(tokens(100, 50))).await.unwrap();
        }
    };
    of("globex").await;
    of("acme").await;
    ledger.forget(&acme()).await.unwrap();
    assert_eq!(used(&ledger, "").await, (PicoUsd::ZERO, PicoUsd::ZERO));
    of("acme").await;
    assert_eq!(rows_of(&ledger).await.len(), 2);
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_tampered_with_is_found_out() {
    let (_home, ledger) = ledger().await;
    let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    reservation.settle(ended(tokens(100, 50))).await.unwrap();
    assert_agrees(&ledger).await;
    for (change, undo) in [
        ("UPDATE usage_days SET cost_pico = cost_pico + 1", "UPDATE usage_days SET cost_pico = cost_pico - 1"),
        ("UPDATE usage_days SET reserved_tokens = 1", "UPDATE usage_days SET reserved_tokens = 0"),
        ("UPDATE usage_rollups SET requests = 2", "UPDATE usage_rollups SET requests = 1"),
        ("UPDATE usage_calls SET cost_pico_usd = 1", "UPDATE usage_calls SET cost_pico_usd = 200000000"),
    ] {
        let write = |sql: &'static str| ledger.control.write(move |tx| Ok(tx.execute(sql, [])?));
        write(change).await.unwrap();
        assert_ne!(ledger.check(None).await.unwrap(), [], "{change}");
        write(undo).await.unwrap();
        assert_agrees(&ledger).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Σ rows = days = rollups, whatever the calls were and however they ended.
    #[test]
    fn rows_rollups_and_counters_are_one(
        calls in prop::collection::vec((prop::array::uniform6(0_u64..3_000), 0_u8..5, 0_i64..5_000_000), 1..40),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (_home, ledger) = ledger().await;
            let mut expected = 0;
            for (counts, end, seconds) in calls {
                let now = noon() + SignedDuration::from_secs(seconds);
                let mut reservation = ledger.reserve(call(now), Limits::default(), now).await.unwrap();
                match end {
                    0 => reservation.release().await.unwrap(),
                    1 => killed(reservation),
                    _ => {
                        let row = reservation.settle(ended(TokenCounts::from_array(counts))).await.unwrap();
                        expected += row.cost.pico();
                    }
                }
            }
            assert_eq!(used(&ledger, "").await.0.pico(), expected);
            assert_eq!(rows_of(&ledger).await.iter().map(|row| row.cost.pico()).sum::<u128>(), expected);
            assert_agrees(&ledger).await;
            close(ledger).await;
        });
    }
}
