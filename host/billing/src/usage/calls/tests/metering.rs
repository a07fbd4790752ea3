//! What is metered besides the calls of models.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sandbox_seconds_are_reserved_and_charged_as_they_were() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { sandbox_seconds_per_day: Some(60), ..Quotas::default() });
    let reserve = |millis| ledger.reserve_sandbox(caller(), millis..=millis, limits.clone(), (noon(), noon()));
    let first = reserve(40_000).await.unwrap();
    let Err(ReserveError::Refused(refusal)) = reserve(30_000).await else { panic!("40 + 30 do not fit into 60") };
    assert_eq!((refusal.quota, refusal.reserved, refusal.needed), ("sandbox_seconds_per_day", 40.into(), 30.into()));
    first.settle(ran(1_500)).await.unwrap();
    reserve(58_500).await.unwrap().settle(ran(0)).await.unwrap();
    drop(reserve(1_000).await.unwrap());
    while sandbox_ms(&ledger).await.1 > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sandbox_ms(&ledger).await, (2_500, 0), "what was dropped is charged whole");
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_workload_is_charged_until_the_ledger_opens_and_no_more_than_it_reserved() {
    for (reopens_after_s, charged_ms) in [(7, 7_000), (3_600, 300_000), (-60, 0)] {
        let home = tempfile::tempdir().unwrap();
        let before = open_in(home.path(), TimeZone::UTC).await;
        workload_of_five_minutes(&before).await.held.forget();
        close(before).await;

        let reopens = noon() + SignedDuration::from_secs(reopens_after_s);
        let after = open_at(home.path(), TimeZone::UTC, reopens).await;
        assert_eq!(sandbox_ms(&after).await, (charged_ms.into(), 0), "{reopens_after_s} s later");
        assert_eq!(metered_rows(&after).await, [(charged_ms, true)]);
        assert_agrees(&after).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_is_open_past_its_time_is_charged_until_then() {
    let (_home, ledger) = ledger().await;
    workload_of_five_minutes(&ledger).await.held.forget();
    assert_eq!(ledger.expire(noon() + SignedDuration::from_secs(59)).await.unwrap(), 0);
    assert_eq!(ledger.expire(noon() + SignedDuration::from_secs(60)).await.unwrap(), 1);
    assert_eq!(sandbox_ms(&ledger).await, (60_000, 0));
    assert_eq!(metered_rows(&ledger).await, [(60_000, true)]);
    assert_agrees(&ledger).await;
}

/// Begun at noon, and given up a minute later.
async fn workload_of_five_minutes(ledger: &UsageLedger) -> SandboxReservation {
    let times = (noon(), noon() + SignedDuration::from_secs(60));
    ledger.reserve_sandbox(caller(), 300_000..=300_000, Limits::default(), times).await.unwrap()
}

/// What is charged of a workload that took so long.
fn ran(wall_ms: u64) -> WorkloadUsage {
    WorkloadUsage { wall_ms, ..WorkloadUsage::default() }
}

/// What is charged, and what is reserved.
async fn sandbox_ms(ledger: &UsageLedger) -> (u64, u64) {
    let read = |db: &Connection| {
        Ok(Account { tenant: "acme", ..Account::default() }.counts(db, i64::MIN, i64::MAX)?.used()?)
    };
    let used = ledger.control.read(read).await.unwrap();
    (used.spent.sandbox_ms, used.reserved.sandbox_ms)
}

/// Each amount, and whether it is an estimate.
async fn metered_rows(ledger: &UsageLedger) -> Vec<(u32, bool)> {
    let read = |db: &Connection| {
        let mut rows = db.prepare("SELECT amount, estimated FROM usage_metered ORDER BY id")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    ledger.control.read(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_names_no_time_gets_what_is_left_and_nothing_is_overspent() {
    let (_home, ledger) = ledger().await;
    let limits = tenant_limits(Quotas { sandbox_seconds_per_day: Some(10), ..Quotas::default() });
    let reserve = |time| ledger.reserve_sandbox(caller(), time, limits.clone(), (noon(), noon()));
    let first = reserve(1_000..=7_000).await.unwrap();
    assert_eq!(first.time_ms(), 7_000, "all that it may take");
    let second = reserve(1_000..=300_000).await.unwrap();
    assert_eq!(second.time_ms(), 3_000, "what the first leaves");
    let Err(ReserveError::Refused(refusal)) = reserve(1_000..=300_000).await else { panic!("nothing is left") };
    assert_eq!((refusal.reserved, refusal.needed), (10.into(), 1.into()));
    // It took a moment to end it at its limit.
    second.settle(ran(3_020)).await.unwrap();
    first.settle(ran(500)).await.unwrap();
    assert_eq!(reserve(1_000..=300_000).await.unwrap().time_ms(), 6_500);
    let unlimited = ledger.reserve_sandbox(caller(), 1..=300_000, Limits::default(), (noon(), noon())).await.unwrap();
    assert_eq!(unlimited.time_ms(), 300_000);
    assert_agrees(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_months_peak_is_that_of_its_largest_workload() {
    let (_home, ledger) = ledger().await;
    let peak = async |month: &str| {
        let period = Period::of(at(month), ledger.zone());
        ledger.snapshot(&caller().tenant, period, &Measured::default()).await.unwrap().sandbox_peak_memory_mb
    };
    for (begun, mebibytes) in
        [("2026-10-31T23:59:59Z", 900), ("2026-11-01T00:00:00Z", 20), ("2026-11-26T12:00:00Z", 64)]
    {
        for bytes in [(mebibytes << 20) - 5, 1] {
            let at = at(begun);
            let reserved = ledger.reserve_sandbox(caller(), 1..=1, Limits::default(), (at, at)).await.unwrap();
            reserved.settle(WorkloadUsage { peak_bytes: bytes, ..ran(1) }).await.unwrap();
        }
    }
    assert_eq!(peak("2026-11-15T00:00:00Z").await, 64, "the highest of all, in its own month");
    assert_eq!(peak("2026-10-15T00:00:00Z").await, 900);
    assert_eq!(peak("2026-12-15T00:00:00Z").await, 0);
    ledger.forget(&caller().tenant).await.unwrap();
    assert_eq!(peak("2026-11-15T00:00:00Z").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_months_seconds_are_those_of_the_clock_and_of_the_processors() {
    let (_home, ledger) = ledger().await;
    let seconds = async |month: &str| {
        let period = Period::of(at(month), ledger.zone());
        let month = ledger.snapshot(&caller().tenant, period, &Measured::default()).await.unwrap();
        (month.sandbox_seconds, month.sandbox_cpu_seconds)
    };
    for (begun, wall_ms, cpu_ms) in [
        ("2026-10-31T23:59:59Z", 9_000, 1_000),
        ("2026-11-01T00:00:00Z", 60_000, 0),
        ("2026-11-26T12:00:00Z", 1_000, 3_700),
        ("2026-11-26T12:00:01Z", 500, 400),
    ] {
        let at = at(begun);
        let reserved = ledger.reserve_sandbox(caller(), 1..=60_000, Limits::default(), (at, at)).await.unwrap();
        reserved.settle(WorkloadUsage { wall_ms, cpu_ms, peak_bytes: 0 }).await.unwrap();
    }
    assert_eq!(seconds("2026-11-15T00:00:00Z").await, (61, 4), "four processors at once, and one that slept");
    assert_eq!(seconds("2026-10-15T00:00:00Z").await, (9, 1));
    ledger.forget(&caller().tenant).await.unwrap();
    assert_eq!(seconds("2026-11-15T00:00:00Z").await, (0, 0));
}

#[test]
fn the_peaks_of_an_older_ledger_are_kept() {
    let db = Connection::open_in_memory().unwrap();
    let before = schema::STEPS.len() - 1;
    schema::STEPS[..before].iter().for_each(|step| db.execute_batch(step).unwrap());
    db.execute("INSERT INTO usage_peaks VALUES ('acme', 0, 7)", []).unwrap();
    db.execute_batch(schema::STEPS[before]).unwrap();
    let window = Window {
        start: Timestamp::UNIX_EPOCH,
        next: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1),
        tz: "UTC".into(),
    };
    assert_eq!(meters::workloads_of_window(&db, "acme", &window).unwrap(), (0, 7));
}
