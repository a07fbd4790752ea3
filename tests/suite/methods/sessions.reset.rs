//! `sessions.reset`: begins a session anew.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.reset", |stage| json!({ "key": stage.key, "reason": "new" }));
}

#[test]
fn the_settings_stay_and_the_transcript_is_empty() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    let created = tenant.ok("sessions.create", json!({ "key": key, "label": "budget" }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "forget this" }));
    let reset = tenant.ok("sessions.reset", json!({ "key": key }));
    has_fields(&reset, "ok key entry");
    assert_ne!(reset["entry"]["sessionId"], created["sessionId"]);
    assert_eq!(reset["entry"]["label"], "budget");
    assert_eq!(tenant.ok("chat.history", json!({ "sessionKey": key }))["messages"], json!([]));
}

#[test]
fn there_are_two_reasons_which_the_event_tells() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    for (params, reason) in [(json!({ "key": "main", "reason": "new" }), "new"), (json!({ "key": "main" }), "reset")] {
        tenant.done("sessions.reset", params);
        assert_eq!(socket.event_named("sessions.changed").payload["reason"], reason);
    }
    assert_eq!(tenant.err("sessions.reset", json!({ "key": "main", "reason": "boredom" })).code, -32602);
}
