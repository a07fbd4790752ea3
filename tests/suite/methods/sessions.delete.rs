//! `sessions.delete`: a session and its transcript.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.delete", |stage| json!({ "key": stage.key }));
}

#[test]
fn is_gone_afterwards() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "hello" }));
    let deleted = tenant.ok("sessions.delete", json!({ "key": key }));
    assert_eq!(deleted, json!({ "ok": true, "key": key, "deleted": true, "archived": [] }));
    assert_eq!(tenant.ok("sessions.list", json!({}))["count"], 0);
    assert_eq!(tenant.ok("sessions.delete", json!({ "key": key }))["deleted"], false);
}

#[test]
fn the_transcript_can_be_kept_as_an_archive() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "keep this" }));
    let deleted = tenant.ok("sessions.delete", json!({ "key": key, "deleteTranscript": false }));
    assert_eq!(deleted["archived"].as_array().map(Vec::len), Some(1), "{deleted}");
}

#[test]
fn the_main_session_stays() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "main" }));
    assert_eq!(tenant.err("sessions.delete", json!({ "key": "main" })).code, -32602);
}
