//! `chat.abort`: ending what runs in a session.

use crate::{
    chat::{MAIN, ended, talking, to_main},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("chat.abort", |stage| json!({ "sessionKey": stage.key }));
}

#[test]
fn what_runs_and_what_waits_is_ended_and_told() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    tenant.done("chat.send", to_main("r1", "wait for it"));
    tenant.done("chat.send", to_main("r2", "weather"));
    let aborted = tenant.ok("chat.abort", json!({ "sessionKey": MAIN }));
    assert_eq!(aborted, json!({ "ok": true, "aborted": true, "runIds": ["r1", "r2"] }));
    for id in ["r1", "r2"] {
        assert_eq!(ended(&tenant, id)["error"], "ended on request");
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        let chat = socket.event_named("chat").payload;
        if chat["state"] == "aborted" {
            told.push(chat["runId"].clone());
        }
    }
    assert!(told.contains(&json!("r1")) && told.contains(&json!("r2")), "{told:?}");
    assert_eq!(tenant.ok("chat.abort", json!({ "sessionKey": MAIN }))["aborted"], false);
}
