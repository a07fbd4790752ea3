//! `tenants.usage.history`: past periods, newest first.

use super::tenants_usage::SNAPSHOT;
use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.usage.history", |_| json!({ "months": 3 }));
}

#[test]
fn answers_snapshots() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    let answer = tenant.ok("tenants.usage.history", json!({}));
    has_fields(&answer, "history");
    let history = answer["history"].as_array().expect("history");
    assert!((1..=6).contains(&history.len()), "{answer}");
    let periods = pluck(&answer["history"], "period");
    assert!(periods.is_sorted_by(|a, b| a > b), "{periods:?}");
    for snapshot in history {
        has_fields(snapshot, SNAPSHOT);
    }
}

#[test]
fn at_least_one_month_is_asked_for() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    assert_eq!(tenant.err("tenants.usage.history", json!({ "months": 0 })).code, -32602);
    assert!(
        tenant.ok("tenants.usage.history", json!({ "months": 1 }))["history"]
            .as_array()
            .is_some_and(|history| history.len() <= 1)
    );
}
