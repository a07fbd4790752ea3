use openclaw_tenancy::PicoUsd;
use proptest::prelude::*;

use super::super::schema;
use super::*;

/// A column of few values, so that one is often as in the row before.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("one".into()), Just("other".into())]
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..3_i64).prop_map(|second| Timestamp::from_second(1_800_000_000 + second).unwrap())
}

fn caller() -> impl Strategy<Value = Caller> {
    let tenant = prop_oneof![Just("acme"), Just("other")].prop_map(|tenant| tenant.parse().unwrap());
    let texts = (text(), proptest::option::of(text()), proptest::option::of(text()), text());
    (tenant, texts).prop_map(|(tenant, (agent, session, run, component))| Caller {
        tenant,
        agent,
        session,
        run,
        component,
    })
}

fn row() -> impl Strategy<Value = Arc<CallRow>> {
    let names = (text(), text(), text(), proptest::option::of(text()), proptest::option::of(text()), text());
    let counts = (prop::array::uniform6(0..3_u64), 0..3_u64, 0..3_u32);
    let times = (time(), proptest::option::of(time()), proptest::option::of(time()));
    let outcome = prop_oneof![Just(Outcome::Ok), Just(Outcome::Estimated)];
    (caller(), names, counts, times, outcome).prop_map(|(caller, names, (tokens, tool_calls, cost), times, outcome)| {
        let (method, provider, model_requested, model_served, provider_request_id, rate_card_version) = names;
        let (started_at, first_token_at, ended_at) = times;
        Arc::new(CallRow {
            id: CallId::mint(Timestamp::now()),
            caller,
            method,
            provider,
            model_requested,
            model_served,
            provider_request_id,
            tokens: TokenCounts::from_array(tokens),
            tool_calls,
            cost: PicoUsd::from_pico(cost.into()),
            rate_card_version,
            started_at,
            first_token_at,
            ended_at,
            outcome,
        })
    })
}

proptest! {
    #[test]
    fn rows_that_are_written_one_behind_the_other_are_each_as_they_were_given(
        rows in proptest::collection::vec(row(), 1..12),
        again in any::<prop::sample::Index>(),
    ) {
        let db = Connection::open_in_memory().unwrap();
        schema::STEPS.iter().for_each(|step| db.execute_batch(step).unwrap());
        let mut insert = Insert::new(&db).unwrap();
        for row in &rows {
            prop_assert!(insert.run(row).unwrap());
        }
        let there: &Arc<CallRow> = again.get(&rows);
        let changed = CallRow { method: "changed".into(), ..CallRow::clone(there) };
        prop_assert!(!insert.run(&Arc::new(changed)).unwrap(), "the row that is there stays");
        for row in &rows {
            let found = find(&db, row.caller.tenant.as_str(), row.id).unwrap();
            prop_assert_eq!(found.as_ref(), Some(&**row));
        }
    }
}
