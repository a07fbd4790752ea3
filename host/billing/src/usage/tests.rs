use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::{Quotas, TenantId};
use serde_json::json;

use super::{Measured, UsageLedger};
use crate::{Period, RequestRates};

mod unpolled;

fn ledger(directory: &Path) -> UsageLedger {
    let control = ControlDb::open(&directory.join("control.db"), Durability::Process).unwrap();
    UsageLedger::open(control, TimeZone::UTC).unwrap()
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn requests(ledger: &UsageLedger, period: &str) -> u64 {
    let period: Period = period.parse().unwrap();
    ledger.snapshot(&acme(), period, &Measured::default()).await.unwrap().total_requests
}

/// `ControlDb` waits for its writer when it is dropped and must not do so on an async thread.
async fn drop_blocking(ledger: UsageLedger) {
    tokio::task::spawn_blocking(move || drop(ledger)).await.unwrap();
}

async fn open(directory: &Path) -> UsageLedger {
    let directory = directory.to_owned();
    tokio::task::spawn_blocking(move || ledger(&directory)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_month_before_and_after_a_flush() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    ledger.record_request(&acme(), at("2026-10-31T23:59:59.999Z"));
    ledger.record_request(&acme(), at("2026-11-01T00:00:00Z"));
    ledger.record_request(&acme(), at("2026-11-02T00:00:00Z"));
    assert_eq!((requests(&ledger, "2026-10").await, requests(&ledger, "2026-11").await), (1, 2));
    ledger.flush().await.unwrap();
    ledger.record_request(&acme(), at("2026-11-03T00:00:00Z"));
    assert_eq!((requests(&ledger, "2026-10").await, requests(&ledger, "2026-11").await), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_was_flushed_and_every_refusal() {
    let home = tempfile::tempdir().unwrap();
    let before = open(home.path()).await;
    before.record_request(&acme(), at("2026-11-01T00:00:00Z"));
    before.flush().await.unwrap();
    before.record_request(&acme(), at("2026-11-01T00:00:01Z"));
    before.record_refusal(&acme(), "requests_per_minute", at("2026-11-01T00:00:02Z")).await.unwrap();
    drop_blocking(before).await;

    let after = open(home.path()).await;
    assert_eq!(requests(&after, "2026-11").await, 1, "the last second was not flushed");
    let refusals = after.refusals(&acme(), "2026-11".parse().unwrap()).await.unwrap();
    assert_eq!(refusals, [("requests_per_minute".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_has_the_members_of_the_contract_and_no_time_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    ledger.record_request(&acme(), at("2026-11-05T06:07:08Z"));
    let measured = Measured { disk_usage_bytes: 10, workspace_bytes: 4, total_sessions: 2, ..Measured::default() };
    let snapshot = ledger.snapshot(&acme(), "2026-11".parse().unwrap(), &measured).await.unwrap();
    assert_eq!(
        serde_json::to_value(snapshot).unwrap(),
        json!({
            "tenantId": "acme", "period": "2026-11", "totalTokens": 0, "inputTokens": 0, "outputTokens": 0,
            "cacheReadTokens": 0, "cacheWriteTokens": 0, "reasoningTokens": 0, "totalCostCents": 0,
            "totalCostUsd": openclaw_tenancy::PicoUsd::default().to_string(), "diskUsageBytes": 10,
            "workspaceBytes": 4, "agentDataBytes": 0, "memoryDbBytes": 0, "totalSessions": 2,
            "activeSessions": 0, "totalMessages": 0, "totalRequests": 1, "requestsThisMinute": 0,
            "requestsThisHour": 0, "sandboxSeconds": 0, "sandboxCpuSeconds": 0, "sandboxPeakMemoryMB": 0,
            "toolCalls": 0, "storageBytes": 0,
            "updatedAt": "2026-11-05T06:07:08Z", "quotaResetAt": "2026-12-01T00:00:00Z",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_is_a_row_an_hour_with_the_largest_measure() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    for (time, bytes) in [
        ("2026-10-31T23:59:59Z", 900),
        ("2026-11-01T00:10:00Z", 40),
        ("2026-11-01T00:20:00Z", 70),
        ("2026-11-01T00:30:00Z", 50),
        ("2026-11-01T01:00:00Z", 60),
    ] {
        ledger.meter_storage(&acme(), bytes, at(time)).await.unwrap();
    }
    let of =
        async |period: &str| ledger.snapshot(&acme(), period.parse().unwrap(), &Measured::default()).await.unwrap();
    assert_eq!((of("2026-10").await.storage_bytes, of("2026-11").await.storage_bytes), (900, 70));
    let rows = "SELECT count(*) FROM usage_metered WHERE kind = 'storage_bytes'";
    let count: i64 = ledger.control().read(move |db| Ok(db.query_row(rows, [], |row| row.get(0))?)).await.unwrap();
    assert_eq!(count, 3, "one of each hour");
    assert_eq!(ledger.check(None).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_newest_first_and_begins_with_the_running_month() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    for time in ["2026-06-01T00:00:00Z", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"] {
        ledger.record_request(&acme(), at(time));
    }
    ledger.flush().await.unwrap();
    let now = at("2026-11-15T00:00:00Z");
    let history = ledger.history(&acme(), 3, now, &Measured::default()).await.unwrap();
    let periods: Vec<_> = history.iter().map(|snapshot| snapshot.period.as_str()).collect();
    assert_eq!(periods, ["2026-11", "2026-10", "2026-09"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_status_tells_shares_and_resets() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    let quotas = Quotas {
        disk_bytes: Some(1_000),
        tokens_per_day: Some(5),
        cost_per_month_usd: Some("50".parse().unwrap()),
        requests_per_minute: Some(60),
        ..Quotas::default()
    };
    let now = at("2026-11-15T12:00:00Z");
    let rates = RequestRates { minute: 1, hour: 1, resets_at: vec![("requests_per_minute", now)] };
    let measured = Measured { disk_usage_bytes: 1_505, rates, ..Measured::default() };
    let status = ledger.quota_status(&acme(), &quotas, now, &measured).await.unwrap();
    assert_eq!((status.disk_usage_percent, status.is_over_disk_limit, status.is_blocked), (150, true, true));
    assert_eq!((status.token_usage_percent, status.is_over_token_limit, status.is_at_soft_limit), (0, false, false));
    assert_eq!(
        serde_json::to_value(status.resets_at).unwrap(),
        json!({
            "cost_per_month_usd": "2026-12-01T00:00:00Z", "requests_per_minute": "2026-11-15T12:00:00Z",
            "tokens_per_day": "2026-11-16T00:00:00Z",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_tenant_begins_at_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    ledger.record_request(&acme(), at("2026-11-01T00:00:00Z"));
    ledger.flush().await.unwrap();
    ledger.record_request(&acme(), at("2026-11-01T00:00:01Z"));
    ledger.forget(&acme()).await.unwrap();
    ledger.flush().await.unwrap();
    assert_eq!(requests(&ledger, "2026-11").await, 0);
}
