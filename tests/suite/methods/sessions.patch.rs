//! `sessions.patch`: the settings of a session.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.patch", |stage| json!({ "key": stage.key, "thinkingLevel": "high" }));
}

#[test]
fn sets_leaves_and_clears() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    let patched = tenant
        .ok("sessions.patch", json!({ "key": key, "label": "budget", "thinkingLevel": "high", "model": "stub/one" }));
    has_fields(&patched, "ok path key entry resolved");
    assert_eq!(patched["resolved"], json!({ "modelProvider": "stub", "model": "one" }));
    assert_eq!(patched["path"], "sessions");
    tenant.done("sessions.patch", json!({ "key": key, "thinkingLevel": null }));
    let row = tenant.ok("sessions.list", json!({}))["sessions"][0].clone();
    assert_eq!(row["label"], "budget");
    assert_eq!(row.get("thinkingLevel"), None);
    assert_eq!(row["model"], "one");
}

#[test]
fn a_value_outside_its_set_is_refused_by_name() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    for (name, value) in
        [("thinkingLevel", "enormous"), ("sendPolicy", "maybe"), ("groupActivation", "never"), ("execAsk", "please")]
    {
        let error = tenant.err("sessions.patch", json!({ "key": "agent:main:direct:1", name: value }));
        assert_eq!(error.code, -32602, "{error}");
        assert!(error.message.contains(name), "{error}");
    }
}

#[test]
fn an_answer_without_settings_of_its_own_is_the_defaults() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": r#"{"agents":{"defaults":{"model":"stub/house"}}}"# }));
    let patched = tenant.ok("sessions.patch", json!({ "key": "agent:main:direct:1", "label": "x" }));
    assert_eq!(patched["resolved"], json!({ "modelProvider": "stub", "model": "house" }));
}
