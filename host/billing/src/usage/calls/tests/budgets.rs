//! What is admitted, and what a refusal says.

use tokio::sync::Barrier;

use super::*;

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
    let limits = Limits { agent: Some(agent), ..Limits::default() };
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
async fn a_component_has_a_budget_of_its_own_which_no_agent_shares() {
    let (_home, ledger) = ledger().await;
    let limits = Limits { component_cost_per_day: Some(micro(300)), ..Limits::default() };
    let by = |component: &str| ModelCall {
        caller: Caller { component: component.into(), agent: "crm".into(), ..caller() },
        ..call(noon())
    };
    let mut first = ledger.reserve(by("crm"), limits.clone(), noon()).await.unwrap();
    assert_eq!(used_by_component(&ledger, "crm").await, (PicoUsd::ZERO, micro(200)));
    let refusal = refused(&ledger, by("crm"), limits.clone(), noon()).await;
    assert_eq!(refusal.quota, "component.cost_per_day_usd");
    assert_eq!((refusal.limit, refusal.reserved), (Amount::Usd(micro(300)), Amount::Usd(micro(200))));
    assert_eq!(refusal.largest_fitting_max_tokens, Some(0), "100 µUSD are the input's");

    ledger.reserve(by("desk"), limits.clone(), noon()).await.unwrap().release().await.unwrap();
    first.settle(ended(tokens(100, 0))).await.unwrap();
    assert_eq!(used_by_component(&ledger, "crm").await, (micro(100), PicoUsd::ZERO));
    killed(ledger.reserve(by("crm"), limits.clone(), noon()).await.unwrap());
    assert_agrees(&ledger).await;
    assert_eq!(ledger.expire(noon() + SignedDuration::from_mins(11)).await.unwrap(), 1);
    assert_eq!(used_by_component(&ledger, "crm").await.0, micro(200), "what was killed is its own, too");
    assert_agrees(&ledger).await;
    refused(&ledger, by("crm"), limits, noon()).await;
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
