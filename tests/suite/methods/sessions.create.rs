//! `sessions.create`: a new session, or the one that has the key already.

use crate::{
    chat::{ended, talking},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("sessions.create", |stage| json!({ "key": stage.key, "label": "mine" }));
}

#[test]
fn without_a_key_it_makes_one_of_the_agent() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let created = tenant.ok("sessions.create", json!({ "label": "first" }));
    has_fields(&created, "ok key sessionId? entry? runStarted? runError? worktree?");
    let key = created["key"].as_str().expect("a key");
    let ulid = key.strip_prefix("agent:main:direct:").unwrap_or_else(|| panic!("{key}"));
    assert_eq!(ulid.len(), 26, "{key}");
    let row = tenant.ok("sessions.list", json!({}))["sessions"][0].clone();
    assert_eq!((&row["key"], &row["kind"], &row["label"]), (&json!(key), &json!("direct"), &json!("first")));
    assert_eq!(row["sessionId"], created["sessionId"]);
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    for agent in ["nobody", "", "Main", "../main", MARK] {
        for params in [json!({ "agentId": agent }), json!({ "agentId": agent, "key": "agent:main:direct:1" })] {
            let error = tenant.err("sessions.create", params);
            assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{agent:?}: {error}");
        }
    }
    assert_eq!(tenant.ok("sessions.list", json!({}))["count"], 0);
    for agent in ["helper", "main"] {
        let key = tenant.ok("sessions.create", json!({ "agentId": agent }))["key"].clone();
        assert!(key.as_str().is_some_and(|key| key.starts_with(&format!("agent:{agent}:direct:"))), "{key}");
    }
}

#[test]
fn the_one_that_is_there_is_answered() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let first = tenant.ok("sessions.create", json!({ "key": "agent:main:direct:1" }));
    let again = tenant.ok("sessions.create", json!({ "key": "agent:main:direct:1" }));
    assert_eq!(first["sessionId"], again["sessionId"]);
    assert_eq!(tenant.ok("sessions.list", json!({}))["count"], 1);
}

#[test]
fn a_label_belongs_to_one_session() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1", "label": "budget" }));
    let error = tenant.err("sessions.create", json!({ "key": "agent:main:direct:2", "label": "budget" }));
    assert_eq!(error.code, -32602, "{error}");
}

#[test]
fn a_fork_begins_with_what_its_parent_said() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "before the fork" }));
    tenant.done(
        "sessions.create",
        json!({ "key": "agent:main:direct:2", "parentSessionKey": "agent:main:direct:1", "fork": true }),
    );
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "after the fork" }));
    let history = tenant.ok("chat.history", json!({ "sessionKey": "agent:main:direct:2" })).to_string();
    assert!(history.contains("before the fork") && !history.contains("after the fork"), "{history}");
}

#[test]
fn the_tenants_connections_are_told() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    let created = tenant.ok("sessions.create", json!({}));
    assert_eq!(socket.event_named("sessions.changed").payload["sessionKey"], created["key"]);
}

#[test]
fn the_first_message_is_handed_to_the_agent() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let created = tenant.ok("sessions.create", json!({ "message": "weather" }));
    assert_eq!(created["runStarted"], true, "{created}");
    let history = || tenant.ok("chat.history", json!({ "sessionKey": created["key"] }))["messages"].clone();
    openclaw_tests::wait_until("the answer", || history().as_array().is_some_and(|messages| messages.len() == 2));
    assert_eq!(history()[1]["content"][0]["text"], "It rains.");
    let again = tenant.ok("chat.send", json!({ "sessionKey": created["key"], "message": "weather", "idempotencyKey": "r2" }));
    assert_eq!((&again["status"], &ended(&tenant, "r2")["status"]), (&json!("started"), &json!("ok")));
}
