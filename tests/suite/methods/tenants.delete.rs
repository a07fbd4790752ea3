//! `tenants.delete`: the tenant with everything it has.

use openclaw_tests::{Connection, rpc::frame, wait_until};

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.delete", |_| json!({ "confirm": true }));
}

#[test]
fn wipes_the_directory_and_the_token_and_keeps_the_audit_log() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    canary::plant(&daemon, &tenant, MARK);
    let lines_before = daemon.home().audit().len();
    let mut socket = tenant.socket();
    let deleted = tenant.ok("tenants.delete", json!({ "confirm": true }));
    assert_eq!(deleted, json!({ "deleted": true, "tenantId": "acme" }));
    assert_eq!(socket.closed(), Some(1008));
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
    assert!(!daemon.home().tenant("acme").exists());
    let lines = daemon.home().audit();
    assert!(
        lines.len() > lines_before
            && lines.iter().any(|line| line["tenant"] == "acme"
                && line["action"].as_str().is_some_and(|action| action.contains("create")))
    );
    let left = daemon.home().files_with(MARK);
    assert!(
        left.iter().all(|path| path.starts_with("audit.jsonl")
            || path.starts_with("control.db-wal")
            || path.starts_with("control.db")),
        "{left:?}"
    );
}

#[test]
fn runs_to_its_end_whoever_hangs_up() {
    let daemon = Daemon::start();
    for _ in 0..8 {
        let tenant = daemon.tenant("acme");
        canary::plant(&daemon, &tenant, MARK);
        let mut caller = Connection::open(daemon.address()).expect("a connection");
        let delete = frame(1, "tenants.delete", &json!({ "confirm": true })).to_string();
        caller.write_request(&tenant.request(delete)).expect("the call");
        wait_until("the deletion", || tenant.respond("health", &json!({})).status == 401);
        drop(caller);
        let wiped = || !daemon.home().files_with(MARK).iter().any(|path| path.starts_with("tenants"));
        wait_until("its end", wiped);
        assert!(!daemon.home().tenant("acme").exists());
    }
}

#[test]
fn whoever_deletes_says_confirm_and_a_tenant_says_true() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in [json!({}), json!({ "confirm": false })] {
        let error = tenant.err("tenants.delete", params);
        assert_eq!(error.code, -32602, "{error}");
        assert!(error.message.contains("confirm"), "{error}");
    }
    tenant.done("health", json!({}));
    let error = daemon.operator().err("tenants.delete", json!({ "tenantId": "acme" }));
    assert!(error.code == -32602 && error.message.contains("confirm"), "{error}");
    daemon.operator().done("tenants.delete", json!({ "tenantId": "acme", "confirm": true }));
    assert!(!daemon.home().tenant("acme").exists());
}

#[test]
fn who_gets_the_same_id_again_finds_nothing() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    canary::plant(&daemon, &tenant, MARK);
    tenant.done("tenants.delete", json!({ "confirm": true }));
    let again = daemon.tenant("acme");
    assert_ne!(again.token(), tenant.token());
    assert_eq!(again.ok("sessions.list", json!({}))["count"], 0);
    assert_eq!(again.ok("config.get", json!({}))["exists"], false);
    assert_eq!(pluck(&again.ok("agents.list", json!({}))["agents"], "id"), ["main"]);
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
}
