//! However a call ends, it is billed once, and nothing stays reserved.

use super::*;

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
