//! `config.patch`: merges into the overlay.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("config.patch", |_| json!({ "raw": r#"{"ui":{}}"# }));
}

#[test]
fn merges_and_null_deletes() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark, seam: '1'}\ntalk: {voice: x}\n" }));
    let patched = tenant.ok(
        "config.patch",
        json!({ "raw": r#"{"ui":{"theme":"light","seam":null}}"#, "note": "why", "restartDelayMs": 5 }),
    );
    has_fields(&patched, "ok path config hash isTenantOverlay restart sentinel");
    assert_eq!(patched["restart"], Value::Null);
    assert_eq!(patched["sentinel"], Value::Null);
    let parsed = tenant.ok("config.get", json!({}))["parsed"].clone();
    assert_eq!(parsed, json!({ "ui": { "theme": "light" }, "talk": { "voice": "x" } }));
}

#[test]
fn a_protected_key_is_refused_and_nothing_changes() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let error = tenant.err("config.patch", json!({ "raw": r#"{"quotas":{"default":{}},"ui":{"theme":"x"}}"# }));
    assert_eq!(error.code, -32602, "{error}");
    assert!(error.to_string().contains("quotas.default"), "{error}");
    assert_eq!(tenant.ok("config.get", json!({}))["exists"], false);
}

#[test]
fn a_change_made_from_an_old_state_is_a_conflict() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: a}\n" }));
    let error = tenant.err("config.patch", json!({ "raw": "{}", "baseHash": "0".repeat(64) }));
    assert_eq!((error.code, error.name()), (-32009, "CONFLICT"), "{error}");
}

#[test]
fn what_is_no_mapping_is_refused() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for raw in ["[1, 2]", "3", "ui: {theme: dark", "{\"ui\": 1, \"ui\": 2}"] {
        let error = tenant.err("config.patch", json!({ "raw": raw }));
        assert_eq!(error.code, -32602, "{raw}: {error}");
    }
}

#[test]
fn many_patches_at_once_lose_nothing() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let tenant = &tenant;
            scope.spawn(move || {
                tenant.done("config.patch", json!({ "raw": format!(r#"{{"ui":{{"key{n}":"{n}"}}}}"#) }));
            });
        }
    });
    let ui = tenant.ok("config.get", json!({}))["parsed"]["ui"].clone();
    assert_eq!(ui.as_object().map(serde_json::Map::len), Some(8), "{ui}");
}

#[test]
fn the_gateways_own_configuration_is_patched_by_the_operator_and_in_force() {
    let daemon = Daemon::start();
    let operator = daemon.operator();
    let patched = operator.ok("config.patch", json!({ "raw": "gateway: {limits: {batch: 2}}" }));
    assert_eq!((&patched["ok"], &patched["isTenantOverlay"]), (&json!(true), &json!(false)), "{patched}");
    daemon.wait_for_log("the configuration is reloaded");
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "health" });
    let three = daemon.tenant("acme").post_json(&json!([call, call, call]));
    assert_eq!(three["error"]["code"], -32600, "{three}");
}
