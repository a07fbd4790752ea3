use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use openclaw_config::File;
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::Quotas;
use tempfile::TempDir;

use super::*;
use crate::{
    CacheWrites, Caller, Limits, Measured, ModelCall, Outcome, ReserveError, Settlement, TokenCounts, WorkloadUsage,
};

const CARD: &str = "small: {input: 1, output: 2, cache_write: 1.25, tiers: [{above_input_tokens: 1000, input: 3}]}\n\
                    default: {input: 10, output: 10, per_request: 0.001}\n";

fn card(text: &str) -> RateCard {
    RateCard::parse(File { name: "card", text }).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn ledger() -> (TempDir, Arc<UsageLedger>) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let open = move || UsageLedger::open(ControlDb::open(&path, Durability::Process).unwrap(), TimeZone::UTC).unwrap();
    let ledger = tokio::task::spawn_blocking(open).await.unwrap();
    ledger.set_rate_card(card(CARD)).await.unwrap();
    (home, Arc::new(ledger))
}

fn caller(tenant: &str, agent: &str) -> Caller {
    Caller { tenant: tenant.parse().unwrap(), agent: agent.into(), session: None, run: None, component: String::new() }
}

fn call(tenant: &str, model: &str, now: Timestamp) -> ModelCall {
    ModelCall {
        caller: caller(tenant, "main"),
        method: "agent".into(),
        provider: "=local".into(),
        model: model.into(),
        input_tokens: 2_000,
        max_output_tokens: 100,
        cache_writes: CacheWrites::Minutes,
        expires_at: now + SignedDuration::from_mins(1),
    }
}

async fn make(ledger: &UsageLedger, tenant: &str, model: &str, now: &str, tokens: TokenCounts) -> CallRow {
    let now = at(now);
    let mut reservation = ledger.reserve(call(tenant, model, now), Limits::default(), now).await.unwrap();
    let settlement = Settlement {
        outcome: Outcome::Ok,
        tokens,
        tool_calls: 2,
        model_served: None,
        provider_request_id: None,
        first_token_at: None,
        ended_at: now,
    };
    reservation.settle(settlement).await.unwrap()
}

/// Four calls of two tenants in two months, and one that was refused.
pub(super) async fn used() -> (TempDir, Arc<UsageLedger>) {
    let (home, ledger) = ledger().await;
    let tokens = TokenCounts { input_uncached: 100, input_cache_write: 4, output_text: 10, ..TokenCounts::default() };
    make(&ledger, "acme", "small", "2026-10-31T23:59:59.999Z", tokens).await;
    make(&ledger, "acme", "small", "2026-11-01T00:00:00Z", tokens).await;
    make(&ledger, "acme", "small", "2026-11-15T01:30:00Z", TokenCounts { input_uncached: 2_000, ..tokens }).await;
    make(&ledger, "globex", "other, \"quoted\"", "2026-11-15T02:00:00Z", tokens).await;
    let limits = Limits { tenant: Quotas { tokens_per_day: Some(0), ..Quotas::default() }, ..Limits::default() };
    let now = at("2026-11-16T00:00:00Z");
    let refused = ledger.reserve(call("acme", "small", now), limits, now).await;
    assert!(matches!(refused, Err(ReserveError::Refused(_))));
    (home, ledger)
}

pub(super) fn query(span: &str) -> Query {
    Query {
        tenant: None,
        span: span.parse().unwrap(),
        now: at("2026-11-20T00:00:00Z"),
        currency: "USD".into(),
        most_lines: None,
    }
}

fn text(csv: &[u8]) -> String {
    String::from_utf8(csv.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_month_is_exact_and_the_same_every_time() {
    let (_home, ledger) = used().await;
    let version = ledger.rate_card().version().to_owned();
    let expected = format!(
        "period_start,period_end,tz,tenant,provider,model,rate_card_version,requests,refused,input_uncached,\
         input_cache_read,input_cache_write,output,output_reasoning,cost_usd,estimated_rows,currency\r\n\
         2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,UTC,acme,'=local,small,{version},2,1,2100,0,8,20,0,\
         0.006150000000,0,USD\r\n\
         2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,UTC,globex,'=local,\"other, \"\"quoted\"\"\",{version},1,0,100,0,4,10,\
         0,0.002140000000,0,USD\r\n"
    );
    for _ in 0..2 {
        assert_eq!(text(&ledger.report(&query("current-month")).await.unwrap().to_csv()), expected);
        assert_eq!(text(&ledger.report(&query("2026-11")).await.unwrap().to_csv()), expected);
    }
    let empty = ledger.report(&query("2025-01")).await.unwrap();
    assert_eq!(text(&empty.to_csv()).lines().count(), 1, "a header always");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_days_has_those_days() {
    let (_home, ledger) = used().await;
    let requests = |table: Table| -> u64 {
        table.rows().iter().map(|row| if let Cell::Count(count) = row[7] { count } else { 0 }).sum()
    };
    assert_eq!(requests(ledger.report(&query("2026-10-31..2026-11-01")).await.unwrap()), 2);
    assert_eq!(requests(ledger.report(&query("2026-11-15")).await.unwrap()), 2);
    let acme = Query { tenant: Some("acme".parse().unwrap()), ..query("2026-11-15") };
    assert_eq!(requests(ledger.report(&acme).await.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_csv_says_reads_back_as_the_rows() {
    let (_home, ledger) = used().await;
    let table = ledger.calls(&query("2026-11")).await.unwrap();
    let csv = table.to_csv();
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), table.columns());
    let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut total = 0;
    for (record, row) in read.iter().zip(ledger.rows(&query("2026-11")).await.unwrap()) {
        assert_eq!(record[0].parse::<Timestamp>().unwrap(), row.started_at);
        assert_eq!(record[2], row.model_requested);
        assert_eq!(record[3].parse::<u64>().unwrap(), row.tokens.input_uncached);
        assert_eq!(record[9].parse::<CallId>().unwrap(), row.id);
        let cost: PicoUsd = record[10].parse().unwrap();
        assert_eq!(cost, row.cost);
        total += cost.pico();
    }
    assert_eq!(read.len(), 3);
    let summed: u128 = ledger
        .report(&query("2026-11"))
        .await
        .unwrap()
        .rows()
        .iter()
        .map(|row| match row[14] {
            Cell::Usd(cost) => cost.pico(),
            _ => 0,
        })
        .sum();
    assert_eq!(total, summed, "calls and report agree");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_has_all_that_is_metered() {
    let (_home, ledger) = used().await;
    let now = at("2026-11-05T00:00:00Z");
    let sandbox = ledger.reserve_sandbox(caller("acme", ""), 1..=1_500, Limits::default(), (now, now)).await.unwrap();
    sandbox.settle(WorkloadUsage { wall_ms: 1_500, ..WorkloadUsage::default() }).await.unwrap();
    ledger.meter_tools(caller("acme", ""), 3, now).await.unwrap();
    ledger.meter_storage(&"initech".parse().unwrap(), 9, now).await.unwrap();
    let summary = ledger.summary(&query("2026-11")).await.unwrap().to_json();
    assert_eq!(
        summary[0],
        serde_json::json!({
            "period_start": "2026-11-01T00:00:00Z", "period_end": "2026-12-01T00:00:00Z", "tz": "UTC",
            "tenant": "acme", "requests": 2, "refused": 1, "input_tokens": 2108, "output_tokens": 20,
            "tool_calls": 4, "sandbox_ms": 1500, "tools_run": 3, "storage_bytes": 0, "cost_usd": "0.006150000000",
            "estimated_rows": 0, "currency": "USD",
        })
    );
    assert_eq!((&summary[2]["tenant"], &summary[2]["storage_bytes"]), (&"initech".into(), &9.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_days_and_months_add_up_to_the_same() {
    let (_home, ledger) = used().await;
    let mut totals = Vec::new();
    for (unit, lines) in [(RollupUnit::Hour, 3), (RollupUnit::Day, 3), (RollupUnit::Month, 2)] {
        let table = ledger.rollup(&query("2026-11"), unit).await.unwrap();
        assert_eq!(table.rows().len(), lines, "{unit:?}");
        totals.push(
            table
                .rows()
                .iter()
                .map(|row| match row[6] {
                    Cell::Usd(cost) => cost.pico(),
                    _ => 0,
                })
                .sum::<u128>(),
        );
    }
    assert_eq!(totals, [8_290_000_000; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_is_explained_to_the_last_digit() {
    let (_home, ledger) = ledger().await;
    let tokens = TokenCounts { input_uncached: 1_001, output_text: 10, ..TokenCounts::default() };
    let row = make(&ledger, "acme", "small", "2026-11-15T01:30:00Z", tokens).await;
    // The card of then explains it, whatever the prices are by now.
    ledger.set_rate_card(card("small: {input: 99, output: 99}")).await.unwrap();
    let explanation = ledger.explain(row.id).await.unwrap().unwrap();
    assert_eq!(explanation.cost.unwrap().total, row.cost);
    let rule = format!("small of card {}, above 1000 input tokens", row.rate_card_version);
    assert_eq!(
        explanation.to_table().to_text(),
        format!(
            "class           tokens  usd_per_token   cost_usd        rule\n\
             input_uncached    1001  0.000003000000  0.003003000000  {rule}\n\
             output_text         10  0.000002000000  0.000020000000  {rule}\n\
             total             1011                  0.003023000000  ok\n"
        )
    );
    let other = make(&ledger, "acme", "small", "2026-11-15T01:30:00Z", tokens).await;
    assert_eq!(ledger.explain(other.id).await.unwrap().unwrap().cost.unwrap().above_input_tokens, None);
    assert_eq!(ledger.explain(UsageLedger::mint_id(at("2026-11-15T01:30:00Z"))).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rerating_tells_the_difference_and_changes_nothing() {
    let (_home, ledger) = used().await;
    let before = ledger.rows(&query("2026-11")).await.unwrap();
    let cheaper = card("small: {input: 0.5, output: 1}");
    let table = ledger.rerate(&query("2026-11"), &cheaper).await.unwrap().to_json();
    assert_eq!(
        table[0],
        serde_json::json!({
            "tenant": "acme", "model": "small", "rate_card_version": cheaper.version(), "requests": 2, "unpriced": 0,
            "cost_usd": "0.006150000000", "rerated_usd": "0.001074000000", "delta_usd": "-0.005076000000",
        })
    );
    assert_eq!((&table[1]["unpriced"], &table[1]["delta_usd"]), (&1.into(), &"0.000000000000".into()));
    assert_eq!(ledger.rows(&query("2026-11")).await.unwrap(), before);
    assert_eq!(ledger.check(None).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_of_a_tenant_has_its_tokens_and_its_cost() {
    let (_home, ledger) = used().await;
    let snapshot =
        ledger.snapshot(&"acme".parse().unwrap(), "2026-11".parse().unwrap(), &Measured::default()).await.unwrap();
    assert_eq!((snapshot.total_tokens, snapshot.input_tokens, snapshot.cache_write_tokens), (2_128, 2_100, 8));
    assert_eq!((snapshot.total_cost_usd.to_string().as_str(), snapshot.total_cost_cents), ("0.00615", 1));
}
