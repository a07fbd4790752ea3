//! What is left when the gateway is killed: nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use openclaw_sandbox::{Backend, Workload};

use crate::world::World;

/// Set in a copy of this binary that plays the gateway.
const GATEWAY: &str = "OPENCLAW_TEST_GATEWAY";

/// The part of the gateway: starts workloads, tells of them, and waits to be killed.
#[tokio::test]
async fn gateway_that_is_killed() {
    if std::env::var_os(GATEWAY).is_none() {
        return;
    }
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let script = "setsid sleep 1234567 & (trap '' TERM; sleep 1234567) & echo up; wait";
    let mut session = backend.start(&tenant, Workload::shell(script)).await.unwrap();
    session.next().await.unwrap();
    std::io::stdout().write_all(b"up\n").unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn no_process_and_no_cgroup_stays_a_second_after_the_gateway_is_killed() {
    let mut gateway = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::gateway_that_is_killed", "--nocapture"])
        .env(GATEWAY, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines();
    while lines.next().expect("the gateway starts a workload").unwrap() != "up" {}
    let ours = format!("openclaw-{}-", gateway.id());
    let before = left(gateway.id(), &ours);
    assert!(before.iter().any(|found| found.contains("bwrap")), "{before:?}");

    gateway.kill().unwrap();
    gateway.wait().unwrap();
    let killed = Instant::now();
    loop {
        let found = left(gateway.id(), &ours);
        if found.is_empty() {
            break;
        }
        assert!(killed.elapsed() < Duration::from_secs(30), "{found:?}");
        std::thread::yield_now();
    }
}

/// The gateway's cgroups, the processes in them, and those below it.
fn left(gateway: u32, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for hierarchy in ["memory", "pids", "cpu", "cpuacct", "."] {
        let entries = fs::read_dir(format!("/sys/fs/cgroup/{hierarchy}")).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().display().to_string()).filter(|path| path.contains(prefix)));
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs::read_to_string(process.path().join(name)).unwrap_or_default();
        let parent = read("stat").rsplit_once(')').and_then(|(_, rest)| rest.split(' ').nth(2)?.parse::<u32>().ok());
        let command = read("cmdline").replace('\0', " ");
        if parent == Some(gateway) || read("cgroup").contains(prefix) {
            found.push(command);
        }
    }
    found
}
