//! `chat.history`: the newest messages of a session.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("chat.history", |stage| json!({ "sessionKey": stage.key }));
}

#[test]
fn answers_the_newest_oldest_first() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    let created = tenant.ok("sessions.create", json!({ "key": key }));
    for n in 0..5 {
        tenant.done("chat.inject", json!({ "sessionKey": key, "message": format!("m{n}") }));
    }
    let history = tenant.ok("chat.history", json!({ "sessionKey": key, "limit": 2 }));
    has_fields(&history, "sessionKey sessionId? messages thinkingLevel? verboseLevel?");
    assert_eq!(history["sessionId"], created["sessionId"]);
    let texts: Vec<&Value> =
        history["messages"].as_array().expect("messages").iter().map(|m| &m["content"][0]["text"]).collect();
    assert_eq!(texts, [&json!("m3"), &json!("m4")]);
}

#[test]
fn a_session_before_its_first_use_is_empty() {
    let daemon = Daemon::start();
    let history = daemon.tenant("acme").ok("chat.history", json!({ "sessionKey": "main" }));
    assert_eq!(history["messages"], json!([]));
}

#[test]
fn a_thousand_is_the_most() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.history", json!({ "sessionKey": "main", "limit": 1000 }));
    assert_eq!(tenant.err("chat.history", json!({ "sessionKey": "main", "limit": 1001 })).code, -32602);
}
