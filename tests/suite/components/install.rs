//! What is checked before a component takes a call, and whom it then serves.

use crate::contract::*;

use super::{GRANTS, answers, built, install, params, states, swap, with_text};

#[test]
fn a_family_of_one_tenant_is_no_other_tenants() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let row = install(&daemon.operator_for("a"), "ok00001");
    has_fields(
        &row,
        "family name version digest source state methods capabilities grants calls errors p50Us p99Us previous checks",
    );
    assert_eq!((&row["family"], &row["source"], &row["state"]), (&json!("swap"), &json!("tenant"), &json!("active")));
    assert_eq!(row["checks"], json!(["world", "manifest", "grants"]));
    assert_eq!(answers(&a), "ok00001");
    assert_eq!(b.err("swap.version", json!({})).code, -32601, "b has no such family");
    let told = |client: &Client| discover::methods(client).iter().any(|method| method.name == "swap.version");
    assert!(told(&a) && told(&daemon.operator_for("a")), "rpc.discover tells of it");
    assert!(!told(&b) && !told(&daemon.operator()), "and nobody else");
}

#[test]
fn a_built_in_family_is_replaced_for_one_tenant_until_it_is_removed() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    a.done("voicewake.set", json!({ "triggers": ["computer"] }));
    let wasm = built("components/voicewake.wasm");
    let operator = daemon.operator_for("a");
    let refused = operator.call("components.install", params(&wasm, json!({ "grants": [] }))).err();
    let missing = refused.map(|error| error.data["missing"].clone()).unwrap_or(json!([]));
    let row = operator.ok("components.install", params(&wasm, json!({ "grants": missing })));
    assert_eq!(
        (&row["source"], &row["previous"]),
        (&json!("tenant"), &row["digest"]),
        "before it, the built-in served"
    );
    assert_eq!(a.ok("voicewake.get", json!({}))["triggers"], json!(["computer"]), "the state is the family's");
    assert_eq!(states(&b, "voicewake").len(), 1);
    let removed = operator.ok("components.remove", json!({ "family": "voicewake" }));
    assert_eq!((&removed["active"], &removed["removed"]), (&Value::Null, &json!([row["digest"]])));
    assert_eq!(a.ok("voicewake.get", json!({}))["triggers"], json!(["computer"]));
    let listed = a.ok("components.list", json!({}));
    let row = listed["components"].as_array().and_then(|rows| rows.iter().find(|row| row["family"] == "voicewake"));
    assert_eq!(row.map(|row| row["source"].clone()), Some(json!("builtin")));
}

#[test]
fn whatever_is_refused_leaves_what_was_bound() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    let refuse = |wasm: &[u8], more: Value| {
        let mut params = params(wasm, json!({ "grants": GRANTS }));
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let error = operator.err("components.install", params);
        assert_eq!(answers(&a), "ok00001", "{error}");
        error
    };
    let other = swap("ok00002");
    let error = refuse(&other, json!({ "expectDigest": format!("sha256:{}", "0".repeat(64)) }));
    assert!(error.message.contains("was expected"), "{error}");
    let error = refuse(&other, json!({ "family": "crm" }));
    assert!(error.message.contains("the family swap, not crm"), "{error}");
    let error = refuse(&other[..other.len() / 2], json!({}));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    let error = refuse(&with_text(swap("ok00002"), "padding", "pudding"), json!({}));
    assert_eq!(error.name(), "CONFLICT", "{error}");
    assert_eq!(error.data["differences"], json!(["swap.version: params.padding is not taken any more"]));
    let error = refuse(&built("fixtures/wants_channels.wasm"), json!({}));
    assert!(error.message.contains("openclaw:gateway/channels"), "{error}");
    let error = refuse(&built("fixtures/wants_timers.wasm"), json!({ "grants": ["timers"] }));
    assert!(error.message.contains("openclaw:gateway/timers"), "granted or not: {error}");
    let error = refuse(&other, json!({ "grants": ["everything"] }));
    assert!(error.message.contains("\"everything\" is no grant"), "{error}");
}

#[test]
fn a_tenant_has_so_many_families_of_its_own() {
    let daemon = Daemon::start_with("components: {families_per_tenant: 1}\n");
    let (_a, _b) = (daemon.tenant("a"), daemon.tenant("b"));
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    let error = operator.err("components.install", params(&built("fixtures/greeter.wasm"), json!({ "grants": [] })));
    assert_eq!(error.name(), "CONFLICT", "{error}");
    assert!(error.message.contains("families_per_tenant"), "{error}");
    install(&operator, "ok00002");
    install(&daemon.operator_for("b"), "ok00001");
    operator.done("components.remove", json!({ "family": "swap" }));
    operator.done("components.install", params(&built("fixtures/greeter.wasm"), json!({ "grants": [] })));
}

#[test]
fn a_component_is_not_taken_for_one_of_ours() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    // Nobody serves `memory` yet, but it is a name of the gateway's.
    let claims = with_text(with_text(swap("ok00001"), "swap.", "tool."), "swap", "cron");
    let error = daemon.operator_for("a").err("components.install", params(&claims, json!({ "grants": GRANTS })));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    assert_eq!(states(&a, "cron"), []);
}

#[test]
fn every_change_is_in_the_audit_log_and_told_to_the_tenant() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let mut socket = a.socket();
    socket.subscribe(None);
    let operator = daemon.operator_for("a");
    let row = install(&operator, "ok00001");
    let told = socket.event_named("components.changed").payload;
    assert_eq!((&told["family"], &told["active"]), (&json!("swap"), &row["digest"]));
    operator.done("components.remove", json!({ "family": "swap" }));
    let audit = daemon.home().audit();
    let lines: Vec<&Value> = audit
        .iter()
        .filter(|line| line["action"].as_str().is_some_and(|action| action.starts_with("components.")))
        .collect();
    assert_eq!(
        lines.iter().map(|line| &line["action"]).collect::<Vec<_>>(),
        ["components.install", "components.remove"]
    );
    assert!(lines.iter().all(|line| line["tenant"] == "a" && line["actor"] == "operator"), "{lines:?}");
    assert_eq!(lines[0]["detail"]["digest"], row["digest"]);
}

#[test]
fn tenants_install_where_the_operator_lets_them() {
    let daemon = Daemon::start();
    let wasm = params(&swap("ok00001"), json!({}));
    let error = daemon.tenant("a").err("components.install", wasm.clone());
    assert_eq!(error.message, "method not available for tenant token: components.install");
    let daemon =
        Daemon::start_with("components: {self_service: true, grants: {swap: [config, \"secret:key:reveal\"]}}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    a.done("components.install", wasm.clone());
    assert_eq!(answers(&a), "ok00001");
    assert_eq!(b.err("swap.version", json!({})).code, -32601);
    let mut greedy = wasm;
    greedy["grants"] = json!(["tenancy-control"]);
    assert_eq!(b.err("components.install", greedy).code, -32602, "grants are the operator's to give");
}
