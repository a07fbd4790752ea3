//! `admin.sandboxes.list`: what runs in the sandboxes of all tenants, for the operator.

use std::thread;

use openclaw_tests::wait_until;

use crate::{
    chat::{MAIN, ended, talking, to_main, work},
    contract::*,
    sandbox::{Screen, wait_for_file},
};

#[test]
fn keeps_the_contract() {
    contract("admin.sandboxes.list", |_| json!({}));
}

fn listed(daemon: &Daemon) -> Vec<Value> {
    daemon.operator().ok("admin.sandboxes.list", json!({}))["sandboxes"].as_array().expect("a list").clone()
}

#[test]
fn tells_of_the_workloads_and_terminals_of_all_tenants_and_what_they_use() {
    let daemon = Daemon::start();
    let (acme, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    assert!(listed(&daemon).is_empty());
    let screen = Screen::spawn(&other, json!({}));
    thread::scope(|scope| {
        let script = "touch begun; while [ ! -e go ]; do :; done";
        let params = json!({ "command": ["sh", "-c", script], "limits": { "wallMs": 60_000, "pids": 7 } });
        let running = scope.spawn(|| acme.ok("sandbox.run", params));
        wait_for_file(&daemon, "acme", "begun");
        let all = listed(&daemon);
        assert_eq!(pluck(&json!(all), "tenantId"), ["other", "acme"], "the oldest first");
        for row in &all {
            has_fields(
                row,
                "sandboxId tenantId agentId? sessionKey? kind mode pid? scopeName? createdAt resourceLimits resourceUsage",
            );
            has_fields(&row["resourceLimits"], "wallMs memoryBytes cpuMillis pids");
            has_fields(&row["resourceUsage"], "wallMs cpuMs peakMemoryBytes");
            is_rfc3339(&row["createdAt"]);
        }
        let (terminal, workload) = (&all[0], &all[1]);
        assert_eq!((&terminal["kind"], &terminal["sandboxId"]), (&json!("terminal"), &json!(screen.id())));
        assert_eq!((&terminal["pid"], &terminal["agentId"]), (&screen.spawned["pid"], &json!("main")));
        assert_eq!((&workload["kind"], &workload["mode"]), (&json!("workload"), &json!("bwrap")));
        assert_eq!(workload["resourceLimits"]["pids"], 7);
        let id = workload["sandboxId"].clone();
        wait_until("its processor time", || {
            let all = listed(&daemon);
            let row = all.iter().find(|row| row["sandboxId"] == id).expect("it runs");
            row["resourceUsage"]["cpuMs"].as_u64() > Some(0)
        });
        std::fs::write(daemon.home().tenant("acme").join("sandbox/work/go"), "").expect("the word");
        assert_eq!(running.join().expect("it ends")["exitCode"], 0);
        wait_until("its end", || listed(&daemon).len() == 1);
    });
}

#[test]
fn says_whose_work_an_agents_command_is() {
    let daemon = talking();
    let acme = daemon.tenant("acme");
    acme.done("chat.send", to_main("1", "wait for it"));
    wait_for_file(&daemon, "acme", "begun");
    let [row]: [Value; 1] = listed(&daemon).try_into().expect("one");
    assert_eq!((&row["agentId"], &row["sessionKey"]), (&json!("main"), &json!(MAIN)), "{row}");
    std::fs::write(work(&daemon, "acme", "go"), "").expect("the word");
    assert_eq!(ended(&acme, "1")["status"], "ok");
}
