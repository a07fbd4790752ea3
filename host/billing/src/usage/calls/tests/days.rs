//! Which day a call belongs to.

use super::*;

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
async fn days_that_an_older_release_counted_stay_their_accounts() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let older = move || {
        let db = ControlDb::open(&path, Durability::Process).unwrap();
        db.migrate("usage_calls", &schema::STEPS[..1]).unwrap();
        let counted = "INSERT INTO usage_days (tenant, agent, day_ms, cost_pico) VALUES ('acme', 'main', 0, 7);
                       INSERT INTO usage_state VALUES ('zone', 'UTC');";
        db.write_blocking(move |tx| Ok(tx.execute_batch(counted)?)).unwrap();
    };
    tokio::task::spawn_blocking(older).await.unwrap();
    let ledger = open_in(home.path(), TimeZone::UTC).await;
    assert_eq!(used(&ledger, "main").await.0, PicoUsd::from_pico(7));
    close(ledger).await;
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
