//! What a tenant whose disk is full can still do about it, and no more than that.

use super::{Screen, shell};
use crate::contract::*;

const MIB: u64 = 1 << 20;

/// A tenant with 5 MiB in its workspace, of 4 MiB that it may have.
fn full_tenant(daemon: &Daemon) -> Tenant {
    let tenant = daemon.tenant("acme");
    assert_eq!(tenant.ok("sandbox.run", shell("head -c 5M /dev/zero > large"))["exitCode"], 0);
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 4 * MIB } }));
    let error = tenant.err("agents.files.set", soul());
    assert_eq!((error.name(), &error.data["quota"]), ("QUOTA_EXCEEDED", &json!("disk_bytes")), "{error}");
    assert!(error.message.contains("a command in the sandbox removes files of the workspace"), "{error}");
    tenant
}

fn soul() -> Value {
    json!({ "agentId": "main", "name": "SOUL.md", "content": "x" })
}

#[test]
fn a_full_tenant_removes_a_file_and_can_write_again() {
    let daemon = Daemon::start();
    let tenant = full_tenant(&daemon);
    // Longer than from one look to the next: it is not ended for what was there before.
    let ran = tenant.ok("sandbox.run", shell("sleep 5; rm large"));
    assert_eq!((&ran["exitCode"], &ran["stderr"]), (&json!(0), &json!("")), "{ran}");
    tenant.done("agents.files.set", soul());
    assert_eq!(tenant.ok("sandbox.run", shell("echo x > small"))["exitCode"], 0);
}

#[test]
fn a_terminal_of_a_full_tenant_removes_a_file() {
    let daemon = Daemon::start();
    let tenant = full_tenant(&daemon);
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", "rm large"] }));
    assert_eq!(screen.ended()["reason"], "process_exit");
    tenant.done("agents.files.set", soul());
}

/// However short it is: one that ended between two looks could be begun again and again.
#[test]
fn a_workload_of_a_full_tenant_makes_no_file_longer() {
    let daemon = Daemon::start();
    let tenant = full_tenant(&daemon);
    for script in ["head -c 1M /dev/zero > more", "head -c 1M /dev/zero >> large", "truncate -s 6M large"] {
        let ran = tenant.ok("sandbox.run", shell(script));
        assert_ne!(ran["exitCode"], 0, "{script}: {ran}");
        assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("disk_bytes is used up")), "{script}: {ran}");
    }
    let workspace = daemon.home().tenant("acme").join("sandbox/work");
    let bytes = |name: &str| std::fs::metadata(workspace.join(name)).map_or(0, |metadata| metadata.len());
    assert_eq!((bytes("large"), bytes("more")), (5 * MIB, 0));
}

#[test]
fn a_workload_of_a_full_tenant_that_adds_names_is_ended() {
    let daemon = Daemon::start();
    let tenant = full_tenant(&daemon);
    let ran = tenant.ok("sandbox.run", shell("for n in $(seq 64); do mkdir d$n; done; sleep 1000"));
    assert_eq!(ran["reason"], "killed", "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("disk_bytes is used up")), "{ran}");
}
