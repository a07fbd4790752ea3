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

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_given_back_whatever_the_texts_of_others_look_like() {
    let (_home, ledger) = ledger().await;
    let mut before = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    let given_back = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    before.settle(ended(tokens(10, 5))).await.unwrap();
    // In the place of the first, and so before the one whose id it has for a session.
    let session = Some(given_back.id().to_string());
    let named_so = ModelCall { caller: Caller { session, ..caller() }, ..call(noon()) };
    let other = ledger.reserve(named_so, Limits::default(), noon()).await.unwrap();
    given_back.release().await.unwrap();
    assert_eq!(used(&ledger, "").await, (micro(20), micro(200)), "the other alone is open");
    assert_agrees(&ledger).await;
    other.release().await.unwrap();
    assert_eq!(used(&ledger, "").await, (micro(20), PicoUsd::ZERO));
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
async fn what_an_older_release_left_open_is_an_estimated_row() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let older = move || {
        let db = ControlDb::open(&path, Durability::Process).unwrap();
        db.migrate("usage_calls", &schema::STEPS[..4]).unwrap();
        let card = card(CARD);
        let (version, text) = (card.version().to_owned(), card.text().to_owned());
        let id = CallId::mint(noon()).to_string();
        let open = move |tx: &Transaction<'_>| {
            let (day, at) = (at("2026-11-26T00:00:00Z").as_millisecond(), noon().as_millisecond());
            tx.execute("INSERT INTO rate_cards VALUES (?1, ?2)", [&version, &text])?;
            tx.execute(
                "INSERT INTO usage_reservations VALUES (?1, 'acme', 'main', 's', NULL, 'chat.send', 'local', 'small',
                 ?2, 100, 0, 0, 0, 50, 0, 200000000, 0, ?3, ?4, ?4, 1, 'chat')",
                params![id, version, day, at],
            )?;
            tx.execute_batch("INSERT INTO usage_state VALUES ('zone', 'UTC')")?;
            for (agent, component) in [("", ""), ("main", ""), ("", "chat")] {
                tx.execute(
                    "INSERT INTO usage_days (tenant, agent, component, day_ms, reserved_pico, reserved_tokens)
                     VALUES ('acme', ?1, ?2, ?3, 200000000, 150)",
                    params![agent, component, day],
                )?;
            }
            Ok(())
        };
        db.write_blocking(open).unwrap();
    };
    tokio::task::spawn_blocking(older).await.unwrap();
    let ledger = open_in(home.path(), TimeZone::UTC).await;
    let rows = rows_of(&ledger).await;
    assert_eq!(
        (rows.len(), rows[0].outcome, rows[0].cost, &rows[0].caller),
        (1, Outcome::Estimated, micro(100), &caller())
    );
    assert_eq!(used(&ledger, "").await, (micro(100), PicoUsd::ZERO));
    assert_agrees(&ledger).await;
    close(ledger).await;
}

async fn open_rows(ledger: &UsageLedger) -> i64 {
    let count = |db: &Connection| Ok(db.query_row("SELECT count(*) FROM usage_open_calls", [], |row| row.get(0))?);
    ledger.control.read(count).await.unwrap()
}

/// Reserves so many calls at once, as a group or several.
async fn reserve_at_once(ledger: &Arc<UsageLedger>, count: usize) -> Vec<Reservation> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap() })
        })
        .collect();
    let mut reservations = Vec::new();
    for call in calls {
        reservations.push(call.await.unwrap());
    }
    reservations
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_admitted_together_end_each_in_its_own_way() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open_in(home.path(), TimeZone::UTC).await;
    let mut reservations = reserve_at_once(&ledger, 200).await;
    assert!(open_rows(&ledger).await < 200, "many are a row");
    let mut settled = reservations.split_off(100);
    let released = reservations.split_off(50);
    for reservation in released {
        reservation.release().await.unwrap();
        assert_agrees(&ledger).await;
    }
    for reservation in &mut settled {
        reservation.settle(ended(tokens(10, 5))).await.unwrap();
    }
    assert_eq!(used(&ledger, "").await, (micro(20 * 100), micro(200 * 50)));
    assert_agrees(&ledger).await;
    reservations.into_iter().for_each(killed);
    close(ledger).await;

    let after = open_in(home.path(), TimeZone::UTC).await;
    assert_eq!(used(&after, "").await, (micro(20 * 100 + 100 * 50), PicoUsd::ZERO));
    assert_eq!(rows_of(&after).await.len(), 150);
    assert_eq!(open_rows(&after).await, 0);
    assert_agrees(&after).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_calls_that_have_ended_are_used_again_and_removed_by_the_timer() {
    let (_home, ledger) = ledger().await;
    for _ in 0..20 {
        let mut reservation = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
        reservation.settle(ended(tokens(10, 5))).await.unwrap();
    }
    assert_eq!(open_rows(&ledger).await, 1);
    assert_eq!(ledger.expire(noon() + SignedDuration::from_mins(10)).await.unwrap(), 0, "none was open");
    assert_eq!(open_rows(&ledger).await, 0);
    let mut next = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    next.settle(ended(tokens(10, 5))).await.unwrap();
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_tenant_that_was_deleted_meanwhile_is_no_row() {
    let (_home, ledger) = ledger().await;
    let mut settled = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    settled.settle(ended(tokens(10, 5))).await.unwrap();
    let mut running = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    ledger.forget(&acme()).await.unwrap();
    assert!(matches!(running.settle(ended(tokens(10, 5))).await, Err(LedgerError::Released)));
    let _next = ledger.reserve(call(noon()), Limits::default(), noon()).await.unwrap();
    for late in [&mut settled, &mut running] {
        assert!(matches!(late.settle(ended(tokens(10, 5))).await, Err(LedgerError::Released)));
    }
    assert_eq!(rows_of(&ledger).await, []);
    assert_agrees(&ledger).await;
}
