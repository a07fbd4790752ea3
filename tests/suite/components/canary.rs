//! A share of the calls.

use crate::contract::*;

use super::{GRANTS, answers, install, params, states, swap};

fn share(client: &Client, version: &str) -> usize {
    (0..100).filter(|_| answers(client) == version).count()
}

#[test]
fn a_canary_takes_its_share_until_it_takes_all() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    let canary = params(&swap("ok00002"), json!({ "grants": GRANTS, "canaryPercent": 25 }));
    let row = operator.ok("components.install", canary);
    assert_eq!((&row["state"], &row["canaryPercent"]), (&json!("canary"), &json!(25)));
    assert_eq!(share(&a, "ok00002"), 25);
    operator.done("components.activate", json!({ "family": "swap" }));
    assert_eq!(share(&a, "ok00002"), 100);
    let states: Vec<String> = states(&a, "swap").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["active", "previous"]);
}

/// Taken in all the same it stood in the place of the active version, and left most calls without one.
#[test]
fn the_active_version_is_no_canary_of_itself() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    let canary = params(&swap("ok00001"), json!({ "grants": GRANTS, "canaryPercent": 20 }));
    assert_eq!(operator.err("components.install", canary).name(), "CONFLICT");
    assert_eq!(share(&a, "ok00001"), 100);
}

#[test]
fn a_canary_of_a_tenant_shares_the_calls_of_what_is_below() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "ok00001");
    let canary = || params(&swap("ok00002"), json!({ "grants": GRANTS, "canaryPercent": 10 }));
    daemon.operator_for("a").done("components.install", canary());
    assert_eq!((share(&a, "ok00002"), share(&b, "ok00002")), (10, 0));
    install(&daemon.operator(), "ok00003");
    assert_eq!((share(&a, "ok00002"), share(&a, "ok00003")), (10, 90), "what is below is looked up for each call");
    daemon.operator_for("a").done("components.rollback", json!({ "family": "swap" }));
    assert_eq!(share(&a, "ok00003"), 100);
}

#[test]
fn a_canary_needs_somebody_to_take_the_other_calls() {
    let daemon = Daemon::start();
    let _a = daemon.tenant("a");
    let canary = params(&swap("ok00001"), json!({ "grants": GRANTS, "canaryPercent": 10 }));
    assert_eq!(daemon.operator_for("a").err("components.install", canary).name(), "CONFLICT");
}
