//! A tenant's own over its group's over the gateway's.

use crate::contract::*;

use super::{GRANTS, answers, built, install, params, swap};

#[test]
fn the_most_specific_binding_serves() {
    let daemon = Daemon::start_with("components: {groups: {early: [a, b]}}\n");
    let (a, b, c) = (daemon.tenant("a"), daemon.tenant("b"), daemon.tenant("c"));
    let operator = daemon.operator();
    install(&operator, "ok00001");
    operator.done("components.install", params(&swap("ok00002"), json!({ "grants": GRANTS, "group": "early" })));
    install(&daemon.operator_for("a"), "ok00003");
    assert_eq!([answers(&a), answers(&b), answers(&c)], ["ok00003", "ok00002", "ok00001"]);
    daemon.operator_for("a").done("components.remove", json!({ "family": "swap" }));
    assert_eq!(answers(&a), "ok00002", "its group's again");
    operator.done("components.remove", json!({ "family": "swap", "group": "early" }));
    assert_eq!([answers(&a), answers(&b)], ["ok00001", "ok00001"], "everyone's again");
    operator.done("components.remove", json!({ "family": "swap" }));
    assert_eq!(c.err("swap.version", json!({})).code, -32601);
}

#[test]
fn a_group_that_is_not_configured_is_none() {
    let daemon = Daemon::start();
    let install = params(&swap("ok00001"), json!({ "grants": GRANTS, "group": "late" }));
    let error = daemon.operator().err("components.install", install);
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
}

/// Binds a family of ours for one tenant, by the same file, which from then on may do nothing: whatever it would do is
/// not done.
fn bind_powerless(daemon: &Daemon, tenant: &str, family: &str) {
    let (operator, wasm) = (daemon.operator_for(tenant), built(&format!("components/{family}.wasm")));
    let missing = operator.err("components.install", params(&wasm, json!({ "grants": [] }))).data["missing"].clone();
    let digest = operator.ok("components.install", params(&wasm, json!({ "grants": missing })))["digest"].clone();
    operator.done("components.activate", json!({ "family": family, "digest": digest, "grants": [] }));
}

#[test]
fn a_tenants_own_component_does_not_answer_the_operator_who_administers_it() {
    let daemon = Daemon::start();
    let (a, operator) = (daemon.tenant("a"), daemon.operator());
    bind_powerless(&daemon, "a", "tenants");
    bind_powerless(&daemon, "a", "config");
    for method in ["tenants.rotate", "config.get"] {
        assert_eq!(a.err(method, json!({})).name(), "FORBIDDEN", "{method}: the tenant's own answers the tenant");
    }
    let raw = json!({ "raw": "ui: {theme: dark}\n" });
    daemon.operator_for("a").done("config.set", raw);
    let narrowed = operator.with_scopes("write");
    let token = narrowed.ok("tenants.rotate", json!({ "tenantId": "a" }))["token"].as_str().expect("token").to_owned();
    assert_eq!(a.respond("health", &json!({})).status, 401);
    daemon.client(&token).done("health", json!({}));
    let rotated = daemon.cli(&["tenants", "token", "rotate", "a", "--quiet"]).exited(0);
    assert_eq!(daemon.client(&token).respond("health", &json!({})).status, 401);
    daemon.client(rotated.stdout.trim()).done("health", json!({}));
    daemon.cli(&["tenants", "delete", "a", "--confirm"]).exited(0);
    assert_eq!(operator.ok("tenants.list", json!({}))["tenants"], json!([]));
    assert!(!daemon.home().tenant("a").exists());
}
