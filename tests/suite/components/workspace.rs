//! The tenant's workspace, for components that it is granted to.

use std::fs;

use crate::contract::*;

use super::{built, params};

fn install(daemon: &Daemon, tenant: &str, grants: &[&str]) {
    let component = params(&built("fixtures/desk.wasm"), json!({ "grants": grants }));
    daemon.operator_for(tenant).done("components.install", component);
}

fn file(daemon: &Daemon, tenant: &str, name: &str) -> std::path::PathBuf {
    daemon.home().tenant(tenant).join("sandbox/work").join(name)
}

#[test]
fn a_component_works_in_its_own_tenants_workspace() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    for tenant in ["a", "b"] {
        install(&daemon, tenant, &["directory:workspace:write"]);
    }
    a.done("desk.put", json!({ "path": "notes/one.txt", "text": MARK }));
    assert_eq!(fs::read_to_string(file(&daemon, "a", "notes/one.txt")).expect("it is there"), MARK);
    assert_eq!(a.ok("desk.get", json!({ "path": "notes/one.txt" }))["text"], MARK);
    assert_eq!(b.err("desk.get", json!({ "path": "notes/one.txt" })).name(), "NOT_FOUND", "b's is another");
    for path in ["../../config.yaml", "/etc/passwd", "notes/../../x"] {
        assert_eq!(a.err("desk.get", json!({ "path": path })).name(), "INVALID_REQUEST", "{path}");
    }
    let outside = daemon.home().path().join("control-plane.token");
    std::os::unix::fs::symlink(outside, file(&daemon, "a", "link")).expect("a link");
    let error = a.err("desk.get", json!({ "path": "link" }));
    assert!(["FORBIDDEN", "INVALID_REQUEST"].contains(&error.name()), "{error}");
}

#[test]
fn a_component_and_a_workload_change_each_others_files() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon, "a", &["directory:workspace:write"]);
    a.done("desk.put", json!({ "path": "notes/one.txt", "text": "of a component\n" }));
    let script =
        "cat notes/one.txt && echo of a workload >> notes/one.txt && echo x > notes/two.txt && rm notes/two.txt";
    let outcome = a.ok("sandbox.run", json!({ "command": ["sh", "-c", script] }));
    assert_eq!((&outcome["exitCode"], &outcome["stdout"]), (&json!(0), &json!("of a component\n")), "{outcome}");
    assert_eq!(a.ok("desk.get", json!({ "path": "notes/one.txt" }))["text"], "of a component\nof a workload\n");
    a.done("desk.put", json!({ "path": "notes/one.txt", "text": "of a component again\n" }));
    let outcome = a.ok("sandbox.run", json!({ "command": ["cat", "notes/one.txt"] }));
    assert_eq!(outcome["stdout"], "of a component again\n", "{outcome}");
}

#[test]
fn what_is_not_granted_is_refused_by_name() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let component = params(&built("fixtures/desk.wasm"), json!({ "grants": [] }));
    let error = daemon.operator_for("a").err("components.install", component);
    assert_eq!((error.name(), &error.data["missing"]), ("FORBIDDEN", &json!(["directory:workspace"])), "{error}");
    install(&daemon, "a", &["directory:workspace:write"]);
    a.done("desk.put", json!({ "path": "one.txt", "text": "one" }));
    install(&daemon, "a", &["directory:workspace"]);
    assert_eq!(a.ok("desk.get", json!({ "path": "one.txt" }))["text"], "one");
    let error = a.err("desk.put", json!({ "path": "one.txt", "text": "two" }));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    assert!(error.message.contains("read-only"), "{error}");
}

#[test]
fn the_workspace_counts_for_the_tenants_disk() {
    let daemon = Daemon::start();
    let a = daemon.tenant_with(json!({ "tenantId": "a", "quotas": { "disk_bytes": 400_000 } }));
    install(&daemon, "a", &["directory:workspace:write"]);
    a.done("desk.put", json!({ "path": "one.txt", "text": "x".repeat(10_000) }));
    let error = a.err("desk.put", json!({ "path": "two.txt", "text": "x".repeat(500_000) }));
    assert_eq!(error.name(), "QUOTA_EXCEEDED", "{error}");
}
