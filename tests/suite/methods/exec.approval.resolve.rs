//! `exec.approval.resolve`: the answer to who asked.

use crate::contract::*;

fn ask(client: &Client, id: &str) {
    let params = json!({ "id": id, "command": "ls", "twoPhase": true, "timeoutMs": 600_000 });
    client.done("exec.approval.request", params);
}

#[test]
fn keeps_the_contract() {
    contract("exec.approval.resolve", |stage| {
        ask(&stage.a, "one");
        json!({ "id": "one", "decision": "deny" })
    });
}

#[test]
fn the_first_answer_holds() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    ask(&tenant, "one");
    let of = |decision: &str| json!({ "id": "one", "decision": decision });
    assert_eq!(tenant.ok("exec.approval.resolve", of("deny")), json!({ "ok": true }));
    assert_eq!(tenant.err("exec.approval.resolve", of("allow-once")).name(), "NOT_FOUND");
    let again = tenant.ok("exec.approval.request", json!({ "id": "one", "command": "ls" }));
    assert_eq!(again["decision"], "deny");
}

#[test]
fn what_nobody_asked_is_not_found_and_another_word_is_no_decision() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let unknown = tenant.err("exec.approval.resolve", json!({ "id": "none", "decision": "deny" }));
    assert_eq!(unknown.name(), "NOT_FOUND", "{unknown}");
    let error = tenant.err("exec.approval.resolve", json!({ "id": "none", "decision": "maybe" }));
    assert_eq!(error.code, -32602, "{error}");
    assert!(error.message.contains("decision"), "{error}");
}
