//! `chat.send`: a message, whose answer comes by events.

use crate::{
    chat::{ended, history, pairs, talking, to_main},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("chat.send", |stage| json!({ "sessionKey": stage.key, "message": "hello", "idempotencyKey": "r1" }));
}

#[test]
fn the_sender_is_answered_before_the_message_is() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let sent = tenant.ok("chat.send", to_main("r1", "weather"));
    assert_eq!(sent, json!({ "runId": "r1", "status": "started" }));
    assert_eq!(ended(&tenant, "r1")["status"], "ok");
    assert_eq!(history(&tenant), pairs(&[("user", "weather"), ("assistant", "It rains.")]));
}

#[test]
fn the_same_key_is_the_same_run() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.send", to_main("r1", "wait for it"));
    assert_eq!(tenant.ok("chat.send", to_main("r1", "wait for it"))["status"], "in_flight");
    tenant.done("chat.abort", json!({ "sessionKey": "main" }));
    assert_eq!(tenant.ok("chat.send", to_main("r1", "wait for it"))["status"], "error");
    tenant.done("chat.send", to_main("r2", "weather"));
    ended(&tenant, "r2");
    assert_eq!(tenant.ok("chat.send", to_main("r2", "weather"))["status"], "ok");
}
