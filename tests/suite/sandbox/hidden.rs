//! Room that a workload takes and that no name in its tenant's directory tells of.

use std::thread;

use rustix::process::Signal;

use super::{Screen, shell, wait_for_file};
use crate::contract::*;

/// Writes so much into a file that has no name any more, and keeps it.
fn hide(mebibytes: u32) -> Value {
    shell(&format!("exec 3> hidden; rm hidden; head -c {mebibytes}M /dev/zero >&3; touch begun; sleep 1000"))
}

fn limit_disk(daemon: &Daemon, bytes: u64) {
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": bytes } }));
}

#[test]
fn a_file_without_a_name_counts_as_long_as_a_workload_keeps_it() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    limit_disk(&daemon, 4 << 20);
    let ran = tenant.ok("sandbox.run", hide(8));
    assert_eq!(ran["reason"], "killed", "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("disk_bytes is used up")), "{ran}");
}

#[test]
fn nothing_is_set_aside_for_a_file_beyond_its_end() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let ran = tenant.ok("sandbox.run", shell("touch file; fallocate --keep-size -l 1M file; echo $?; stat -c %b file"));
    assert_eq!(ran["stdout"], "1\n0\n", "{ran}");
}

#[test]
fn who_hides_what_fills_the_disk_is_ended_before_others_are() {
    let daemon = Daemon::start_with("gateway: {limits: {free_disk_mb: 1}}\n");
    let (acme, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    other.done("terminal.spawn", json!({ "cmd": ["sleep", "1000"] }));
    let ran = thread::scope(|scope| {
        let running = scope.spawn(|| acme.ok("sandbox.run", hide(32)));
        wait_for_file(&daemon, "acme", "begun");
        // As if the disk were nearly full: three quarters of what is left are to stay so.
        let disk = rustix::fs::statvfs(daemon.home().tenant("acme")).expect("a disk");
        let kept = ((disk.f_bavail * disk.f_frsize) >> 20) / 4 * 3;
        daemon.home().configure(&format!("gateway: {{limits: {{free_disk_mb: {kept}}}}}\n"));
        daemon.signal(Signal::HUP);
        running.join().expect("it is ended")
    });
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("the gateway's disk is full")), "{ran}");
    let left = other.ok("terminal.list", json!({}));
    assert_eq!(left["sessions"].as_array().map(Vec::len), Some(1), "{left}");
}

#[test]
fn a_quota_that_is_lowered_reaches_the_terminals_that_run() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let script = "head -c 8M /dev/zero > large; touch begun; sleep 1000";
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    wait_for_file(&daemon, "acme", "begun");
    limit_disk(&daemon, 4 << 20);
    let ended = screen.ended();
    assert_eq!((&ended["reason"], &ended["error"]), (&json!("quota"), &json!("disk_bytes is used up")), "{ended}");
}
