//! `sessions.resolve`: the key of a session, found by something else.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.resolve", |stage| json!({ "key": stage.key }));
}

#[test]
fn finds_by_key_id_and_label() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let created = tenant.ok("sessions.create", json!({ "key": "agent:main:direct:1", "label": "budget" }));
    for params in [
        json!({ "key": "agent:main:direct:1" }),
        json!({ "sessionId": created["sessionId"] }),
        json!({ "label": "budget" }),
    ] {
        let found = tenant.ok("sessions.resolve", params);
        assert_eq!(found, json!({ "ok": true, "key": "agent:main:direct:1" }));
    }
    let error = tenant.err("sessions.resolve", json!({ "label": "budget", "agentId": "helper" }));
    assert_eq!(error.code, -32004, "{error}");
}

#[test]
fn exactly_one_way_is_taken() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in [json!({}), json!({ "key": "main", "label": "x" })] {
        assert_eq!(tenant.err("sessions.resolve", params).code, -32602);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in
        [json!({ "key": "agent:main:direct:none" }), json!({ "sessionId": "none" }), json!({ "label": "none" })]
    {
        let error = tenant.err("sessions.resolve", params);
        assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
    }
}
