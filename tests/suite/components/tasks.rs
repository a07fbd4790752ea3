//! Tasks and claims: no more rights than whoever starts them, bounded, and gone with their tenant.

use crate::contract::*;
use openclaw_tests::wait_until;

use super::{built, params};

fn install(client: &Client) {
    client.done("components.install", params(&built("fixtures/apart.wasm"), json!({ "grants": ["tasks"] })));
}

fn started(daemon: &Daemon) -> Tenant {
    install(&daemon.operator());
    daemon.tenant("a")
}

fn is_free(tenant: &Client, name: &str) -> bool {
    tenant.ok("apart.free", json!({ "name": name }))["told"] == true
}

#[test]
fn a_task_runs_after_its_starter_was_answered_and_has_its_name_meanwhile() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    let hold = json!({ "method": "apart.hold", "params": { "name": "own", "wait_ms": 600_000 }, "name": "given" });
    a.done("apart.start", hold);
    assert!(!is_free(&a, "given"));
    wait_until("the task runs", || !is_free(&a, "own"));
    assert_eq!(a.ok("apart.end", json!({ "name": "given" }))["told"], true);
    assert_eq!(a.ok("apart.free", json!({ "name": "given", "wait_ms": 60_000 }))["told"], true);
    assert!(is_free(&a, "own"), "all that the task had is free");
    assert_eq!(a.ok("apart.end", json!({ "name": "given" }))["told"], false);
}

#[test]
fn the_names_of_two_tenants_and_two_families_are_apart() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    let b = daemon.tenant("b");
    std::thread::scope(|scope| {
        let holds = scope.spawn(|| a.call("apart.hold", json!({ "name": "x", "wait_ms": 600_000 })));
        wait_until("a has it", || !is_free(&a, "x"));
        assert!(is_free(&b, "x"));
        assert_eq!(b.ok("apart.end", json!({ "name": "x" }))["told"], false);
        assert!(!is_free(&a, "x"));
        assert_eq!(a.ok("apart.end", json!({ "name": "x" }))["told"], true);
        let error = holds.join().expect("it was answered").expect_err("it was ended");
        assert_eq!(error.name(), "UNAVAILABLE", "{error}");
    });
}

#[test]
fn a_name_is_free_when_its_call_has_ended_by_a_trap_too() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    assert_eq!(a.err("apart.trap", json!({ "name": "x" })).name(), "COMPONENT_FAILED");
    assert!(is_free(&a, "x"));
}

#[test]
fn a_task_may_no_more_than_its_starter() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    let reader = a.with_scopes("read");
    let error = reader.err("apart.start", json!({ "method": "apart.write" }));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    let mut socket = a.socket();
    socket.subscribe(None);
    reader.done("apart.start", json!({ "method": "apart.tell" }));
    assert_eq!(socket.event_named("apart.done").payload, json!(["read"]));
    daemon.operator_for("a").done("apart.start", json!({ "method": "apart.write" }));
    let scopes = socket.event_named("apart.done").payload;
    assert_eq!(scopes, json!(["read", "write", "pairing", "approvals"]), "a tenant's, not the operator's");
}

#[test]
fn only_methods_of_its_own_family_are_tasks_and_only_where_that_is_granted() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    let start = |method: &str| a.err("apart.start", json!({ "method": method }));
    assert_eq!(start("sessions.list").name(), "FORBIDDEN");
    assert_eq!(start("apart.none").name(), "NOT_FOUND");
    let wasm = built("fixtures/apart.wasm");
    let error = daemon.operator_for("a").err("components.install", params(&wasm, json!({ "grants": [] })));
    assert_eq!((error.name(), &error.data["missing"]), ("FORBIDDEN", &json!(["tasks"])), "{error}");
}

#[test]
fn a_tenant_has_so_many_tasks_and_others_have_theirs() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    let b = daemon.tenant("b");
    let hold = |n: usize| json!({ "method": "apart.hold", "params": { "name": format!("{n}"), "wait_ms": 600_000 } });
    for n in 0..16 {
        a.done("apart.start", hold(n));
    }
    assert_eq!(a.err("apart.start", hold(16)).name(), "UNAVAILABLE");
    b.done("apart.start", hold(0));
    assert!(is_free(&a, "other"), "its calls go on");
    daemon.operator().done("tenants.update", json!({ "tenantId": "a", "disabled": true }));
    daemon.operator().done("tenants.update", json!({ "tenantId": "a", "disabled": false }));
    wait_until("a disabled tenant's tasks have ended", || is_free(&a, "0"));
    assert!(!is_free(&b, "0"));
}

#[test]
fn a_chain_of_tasks_ends_with_the_gateway() {
    let daemon = Daemon::start();
    let a = started(&daemon);
    a.done("apart.start", json!({ "method": "apart.chain" }));
    assert!(is_free(&a, "x"), "others go on");
    let mut daemon = daemon;
    assert!(daemon.terminate().success());
}
