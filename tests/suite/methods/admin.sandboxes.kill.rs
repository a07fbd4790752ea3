//! `admin.sandboxes.kill`: the operator ends what runs in the sandbox of any tenant.

use std::thread;

use crate::{
    contract::*,
    sandbox::{Screen, wait_for_file},
};

#[test]
fn keeps_the_contract() {
    let of_a = |stage: &Stage| json!({ "sandboxId": stage.a.ok("terminal.spawn", json!({}))["terminalId"] });
    contract("admin.sandboxes.kill", of_a);
}

#[test]
fn ends_a_workload_and_answers_when_nothing_of_it_is_left() {
    let daemon = Daemon::start();
    let (acme, operator) = (daemon.tenant("acme"), daemon.operator());
    thread::scope(|scope| {
        let params = json!({ "command": ["sh", "-c", "touch begun; sleep 1000"] });
        let running = scope.spawn(|| acme.ok("sandbox.run", params));
        wait_for_file(&daemon, "acme", "begun");
        let id = operator.ok("admin.sandboxes.list", json!({}))["sandboxes"][0]["sandboxId"].clone();
        let killed = operator.ok("admin.sandboxes.kill", json!({ "sandboxId": id }));
        assert_eq!(killed, json!({ "killed": true, "sandboxId": id }));
        assert_eq!(operator.ok("admin.sandboxes.list", json!({})), json!({ "sandboxes": [] }));
        assert_eq!(running.join().expect("it ends")["reason"], "killed");
        let error = operator.err("admin.sandboxes.kill", json!({ "sandboxId": id }));
        assert_eq!(error.name(), "NOT_FOUND", "{error}");
        let audit = daemon.home().audit();
        let written = audit.iter().find(|line| line["action"] == "sandbox.kill").expect("it is in the audit log");
        assert_eq!((&written["tenant"], &written["detail"]["sandboxId"]), (&json!("acme"), &id));
    });
}

#[test]
fn closes_a_terminal_and_its_tenant_is_told() {
    let daemon = Daemon::start();
    let acme = daemon.tenant("acme");
    let mut screen = Screen::spawn(&acme, json!({}));
    daemon.operator().done("admin.sandboxes.kill", json!({ "sandboxId": screen.id() }));
    assert_eq!(screen.ended()["reason"], "closed");
    assert_eq!(acme.ok("terminal.list", json!({}))["sessions"], json!([]));
}
