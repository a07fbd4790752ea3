//! What is left when the gateway is killed: nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Workload};

use crate::world::World;

/// Set in a copy of this binary that plays the gateway.
const GATEWAY: &str = "OPENCLAW_TEST_GATEWAY";

/// The part of the gateway: says where its home is, and starts workloads until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_that_is_killed() {
    if std::env::var_os(GATEWAY).is_none() {
        return;
    }
    let say = |line: &str| std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    let world = World::new();
    say(&format!("home {}", world.home.path().display()));
    let (backend, tenant) = (Bwrap::open(BwrapOptions { pool: 2, ..world.options() }).unwrap(), world.tenant(1));
    let script = "setsid sleep 1234567 & (trap '' TERM; sleep 1234567) & echo up; wait";
    let mut sessions = Vec::new();
    loop {
        say("starting");
        sessions.push(backend.start(&tenant, Workload::shell(script)).await.unwrap());
        if sessions.len() > 8 {
            sessions.remove(0).remote().kill();
        }
    }
}

/// At any moment: while a workload runs, while one is being made, while one is being ended.
#[test]
fn nothing_stays_a_second_after_the_gateway_is_killed() {
    for starts in [1, 2, 3, 5, 8, 13] {
        let mut gateway = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "orphans::gateway_that_is_killed", "--nocapture"])
            .env(GATEWAY, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines().map(Result::unwrap);
        let home = lines.find_map(|line| Some(line.strip_prefix("home ")?.to_owned())).expect("the gateway starts");
        assert_eq!(lines.by_ref().filter(|line| line == "starting").take(starts).count(), starts);
        let cgroups = format!("openclaw-{}-", gateway.id());
        assert!(!left(&home, &cgroups).is_empty(), "a gateway that runs is seen");

        gateway.kill().unwrap();
        gateway.wait().unwrap();
        let killed = Instant::now();
        let mut found = left(&home, &cgroups);
        while !found.is_empty() {
            assert!(killed.elapsed() < Duration::from_secs(30), "{starts}: {found:#?}");
            std::thread::yield_now();
            found = left(&home, &cgroups);
        }
        fs::remove_dir_all(home).unwrap();
    }
}

/// The gateway's cgroups, the processes in them, and those that run or hold something of its home.
fn left(home: &str, cgroups: &str) -> Vec<String> {
    let mut found = Vec::new();
    for hierarchy in ["memory", "pids", "cpu", "cpuacct", "."] {
        let entries =
            fs::read_dir(format!("/sys/fs/cgroup/{hierarchy}/openclaw-workloads")).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().display().to_string()).filter(|path| path.contains(cgroups)));
    }
    for process in fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        let read = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let holds = |link: &Path| fs::read_link(link).is_ok_and(|target| target.starts_with(home));
        if read("cmdline").starts_with(home)
            || read("cgroup").contains(cgroups)
            || descriptors.into_iter().any(|descriptor| holds(&descriptor.path()))
        {
            found.push(format!("{} {}", process.display(), read("cmdline").replace('\0', " ")));
        }
    }
    found
}
