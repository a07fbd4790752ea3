//! Rows, days and rollups say the same, and it is found out where they do not.

use proptest::prelude::*;

use super::*;

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
