//! `exec.approvals.get`: what is allowed for good, and what waits for an answer.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("exec.approvals.get", |_| json!({}));
}

#[test]
fn without_a_file_nothing_is_allowed() {
    let daemon = Daemon::start();
    let approvals = daemon.tenant("acme").ok("exec.approvals.get", json!({}));
    has_fields(&approvals, "path exists hash file pending");
    assert_eq!((&approvals["exists"], &approvals["path"]), (&json!(false), &json!("plugins/exec")));
    assert_eq!(approvals["file"], json!({ "version": 1, "defaults": {}, "agents": {} }));
    assert_eq!(approvals["pending"], json!([]));
}

#[test]
fn what_waits_is_in_it_until_it_is_answered() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let asked = tenant.ok("exec.approval.request", json!({ "command": "ls", "cwd": "/work/a", "twoPhase": true }));
    let pending = |client: &Client| client.ok("exec.approvals.get", json!({}))["pending"].clone();
    let waits = pending(&tenant);
    has_fields(&waits[0], "id request createdAtMs expiresAtMs");
    assert_eq!((&waits[0]["id"], &waits[0]["createdAtMs"]), (&asked["id"], &asked["createdAtMs"]));
    assert_eq!(waits[0]["request"], json!({ "command": "ls", "cwd": "a" }));
    assert_eq!(pending(&other), json!([]), "another tenant's");
    tenant.done("exec.approval.resolve", json!({ "id": asked["id"], "decision": "deny" }));
    assert_eq!(pending(&tenant), json!([]));
}

#[test]
fn a_command_that_was_allowed_for_good_is_in_it() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let asked = json!({ "id": "one", "command": "ls -a", "agentId": "ada", "resolvedPath": "/bin/ls" });
    std::thread::scope(|scope| {
        let mut socket = tenant.socket();
        socket.subscribe(None);
        let asks = scope.spawn(|| tenant.ok("exec.approval.request", asked));
        let _ = socket.event_named("exec.approval.requested");
        tenant.done("exec.approval.resolve", json!({ "id": "one", "decision": "allow-always" }));
        assert_eq!(asks.join().expect("an answer")["decision"], "allow-always");
    });
    let approvals = tenant.ok("exec.approvals.get", json!({}));
    let allowed = &approvals["file"]["agents"]["ada"]["allowlist"][0];
    has_fields(allowed, "id pattern lastUsedAt lastResolvedPath");
    assert_eq!((&allowed["pattern"], &allowed["lastResolvedPath"]), (&json!("ls -a"), &json!("/bin/ls")));
    is_unix_ms(&allowed["lastUsedAt"]);
    assert_eq!(daemon.operator_for("acme").ok("exec.approvals.get", json!({})), approvals);
}
