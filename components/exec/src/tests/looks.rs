//! Whether somebody waits: who looks is not taken for who waits, and who waits is seen by all who look.

use super::others::{call_beside, crowded};
use super::*;

/// The approval `a`, as one that calls wait for.
fn waited_for(tenant: &Tenant) {
    ask(tenant, "a", "ls");
    let database = tenant.database("exec");
    let mut left: Value = database.collection("pending").get("a").unwrap().unwrap();
    left["isTwoPhase"] = false.into();
    database.transaction().put("pending", "a", &left, 0).unwrap().commit().unwrap();
}

#[test]
fn who_looks_is_not_taken_for_who_waits() {
    let tenant = crowded();
    waited_for(&tenant);
    // What a look has for a moment.
    let of_a_look = ["asking", "approval:a"];
    let answer = json!({ "id": "a", "decision": "allow-always" });
    let beside = call_beside(&tenant, &of_a_look, "exec.approval.resolve", answer);
    assert_eq!(beside.unwrap_err().code, "UNAVAILABLE");
    let seen = call_beside(&tenant, &of_a_look, "exec.approvals.get", json!({}));
    assert_eq!(seen.unwrap_err().code, "UNAVAILABLE");
    assert_eq!(resolve(&tenant, "a", "allow-always").unwrap_err().code, "NOT_FOUND", "nobody waited");
    assert_eq!(file(&tenant)["exists"], false);
}

#[test]
fn who_joined_is_waited_with_when_the_first_who_asked_has_gone() {
    let tenant = crowded();
    waited_for(&tenant);
    let joins = json!({ "id": "a", "command": "ls", "timeoutMs": 10 });
    let has_a_name = call_beside(&tenant, &["approval:a", "joined:0:a"], "exec.approval.request", joins.clone());
    assert_eq!(has_a_name.unwrap_err().code, "UNAVAILABLE", "whoever joins has this name");
    call_beside(&tenant, &["approval:a"], "exec.approval.request", joins).unwrap();
    for joined in 0..8 {
        let seen = call_beside(&tenant, &[format!("joined:{joined}:a")], "exec.approvals.get", json!({})).unwrap();
        assert_eq!(seen["pending"][0]["id"], "a");
    }
    let sweeps = json!({ "id": "b", "command": "ls", "twoPhase": true });
    call_beside(&tenant, &["joined:0:a"], "exec.approval.request", sweeps).unwrap();
    let answer = json!({ "id": "a", "decision": "allow-once" });
    call_beside(&tenant, &["joined:0:a"], "exec.approval.resolve", answer).unwrap();
    assert_eq!(ask(&tenant, "a", "ls")["decision"], "allow-once");
}
