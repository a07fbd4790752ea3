//! `agent.wait`: until a run has ended.

use crate::{
    chat::{talking, to_main},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("agent.wait", |stage| {
        stage.a.done("agent", json!({ "message": "hello", "idempotencyKey": "r1" }));
        json!({ "runId": "r1" })
    });
}

#[test]
fn tells_how_a_run_ended_and_when() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.send", to_main("r1", "weather"));
    let waited = tenant.ok("agent.wait", json!({ "runId": "r1" }));
    has_fields(&waited, "runId status startedAt? endedAt? error?");
    assert_eq!(waited["status"], "ok", "{waited}");
    is_unix_ms(&waited["startedAt"]);
    is_unix_ms(&waited["endedAt"]);
}

#[test]
fn says_so_where_a_run_goes_on_and_where_there_is_none() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.send", to_main("r1", "wait for it"));
    assert_eq!(tenant.ok("agent.wait", json!({ "runId": "r1", "timeoutMs": 10 }))["status"], "timeout");
    assert_eq!(tenant.err("agent.wait", json!({ "runId": "none" })).name(), "NOT_FOUND");
    tenant.done("chat.abort", json!({ "sessionKey": "main" }));
}
