//! What a component may, by its binding.

use openclaw_tests::Daemon;
use rustix::process::Signal;

use crate::contract::*;

use super::{GRANTS, answers, install, params, swap};

#[test]
fn whatever_is_missing_is_told_at_once() {
    let daemon = Daemon::start();
    let _a = daemon.tenant("a");
    let error = daemon.operator_for("a").err("components.install", params(&swap("ok00001"), json!({ "grants": [] })));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    assert_eq!(error.data["missing"], json!(["config", "secrets", "secrets-reveal"]));
    let error =
        daemon.operator_for("a").err("components.install", params(&swap("ok00001"), json!({ "grants": ["secrets"] })));
    assert_eq!(error.data["missing"], json!(["config", "secrets-reveal"]));
}

#[test]
fn a_grant_that_is_withdrawn_is_gone_with_the_next_call() {
    let config = |grants: &str| format!("components: {{grants: {{swap: [{grants}]}}}}\n");
    let daemon = Daemon::start_with(&config("config, \"secret:key:reveal\""));
    let a = daemon.tenant("a");
    daemon.operator_for("a").done("components.install", params(&swap("ok00001"), json!({})));
    a.done("swap.setting", json!({ "text": "/session/scope" }));
    daemon.home().configure(&config("\"secret:key:reveal\""));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration is reloaded");
    let error = a.err("swap.setting", json!({ "text": "/session/scope" }));
    assert_eq!((error.name(), error.message.as_str()), ("FORBIDDEN", "config is not granted to this component"));
    assert_eq!(answers(&a), "ok00001", "what needs no grant goes on");
}

#[test]
fn an_activation_changes_the_grants_of_one_binding() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let digest = install(&daemon.operator_for("a"), "ok00001")["digest"].clone();
    install(&daemon.operator_for("b"), "ok00001");
    let change = json!({ "family": "swap", "digest": digest, "grants": ["config"] });
    daemon.operator_for("a").done("components.activate", change);
    assert_eq!(a.err("swap.secret", json!({ "text": "key" })).name(), "FORBIDDEN");
    b.done("swap.secret", json!({ "text": "key" }));
}

#[test]
fn single_secrets_are_all_that_is_seen() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let wide = json!({ "grants": ["config", "secrets", "secrets-reveal"] });
    let digest = operator.ok("components.install", params(&swap("ok00001"), wide))["digest"].clone();
    a.done("swap.secret", json!({ "text": "other" }));
    operator.done("components.activate", json!({ "family": "swap", "digest": digest, "grants": GRANTS }));
    let seen = a.ok("swap.secret", json!({ "text": "key" }));
    assert_eq!(seen, json!({ "names": ["key"], "value": "sealed" }));
    assert_eq!(a.err("swap.secret", json!({ "text": "other" })).name(), "FORBIDDEN");
}

#[test]
fn memory_is_granted_by_the_mebibyte() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator_for("a"), "ok00001");
    let small = json!({ "grants": ["config", "secret:key:reveal", "memory-mb:8"] });
    daemon.operator_for("b").done("components.install", params(&swap("ok00001"), small));
    a.done("swap.memory", json!({ "mib": 16 }));
    let error = b.err("swap.memory", json!({ "mib": 16 }));
    assert_eq!((error.name(), &error.data["limit"]), ("COMPONENT_FAILED", &json!("memory")));
}

/// A tenant whose first version had all grants, and whose second one, which says so, has `config` left.
fn narrowed(second: &str) -> (Daemon, Tenant, Value) {
    let daemon = Daemon::start_with("components: {self_service: true, rollback_after: 3}\n");
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let first = install(&operator, "ok00001")["digest"].clone();
    let second = install(&operator, second)["digest"].clone();
    operator.done("components.activate", json!({ "family": "swap", "digest": second, "grants": ["config"] }));
    (daemon, a, first)
}

#[test]
fn a_tenant_does_not_bring_back_what_the_operator_took_away() {
    let (daemon, a, first) = narrowed("ok00002");
    assert_eq!(a.err("swap.secret", json!({ "text": "key" })).name(), "FORBIDDEN");
    a.done("components.rollback", json!({ "family": "swap" }));
    assert_eq!(answers(&a), "ok00001");
    assert_eq!(a.err("swap.secret", json!({ "text": "key" })).name(), "FORBIDDEN", "by going back");
    a.done("swap.setting", json!({ "text": "/session/scope" }));
    let change = json!({ "family": "swap", "digest": first, "grants": GRANTS });
    daemon.operator_for("a").done("components.activate", change);
    a.done("swap.secret", json!({ "text": "key" }));
}

#[test]
fn failing_on_purpose_does_not_bring_it_back_either() {
    let (daemon, a, _) = narrowed("trap001");
    for _ in 0..3 {
        assert_eq!(a.err("swap.version", json!({})).name(), "COMPONENT_FAILED");
    }
    daemon.wait_for_log("it was rolled back");
    assert_eq!(answers(&a), "ok00001");
    assert_eq!(a.err("swap.secret", json!({ "text": "key" })).name(), "FORBIDDEN");
}

#[test]
fn the_operators_token_with_fewer_scopes_changes_what_serves_a_tenant_and_not_what_serves_all() {
    let daemon =
        Daemon::start_with("components: {self_service: true, grants: {swap: [config, \"secret:key:reveal\"]}}\n");
    let a = daemon.tenant("a");
    let wasm = params(&swap("ok00001"), json!({}));
    let error = daemon.operator().with_scopes("write").err("components.install", wasm.clone());
    assert_eq!((error.name(), &error.data["scope"]), ("FORBIDDEN", &json!("admin")), "{error}");
    assert_eq!(a.err("swap.version", json!({})).code, -32601, "nothing was bound");
    daemon.operator_for("a").with_scopes("write").done("components.install", wasm);
    assert_eq!(answers(&a), "ok00001");
    let error = daemon.operator().with_scopes("write").err("components.remove", json!({ "family": "swap" }));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
}
