#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

pub(super) const VERSION_ONE: &str = "\
22 1 0:20 / /proc rw,relatime - proc proc rw
26 25 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
28 25 0:24 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids
34 25 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
pub(super) const VERSION_TWO: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

#[test]
fn root_makes_groups_below_the_roots() {
    let hierarchy = Hierarchy::parse(VERSION_ONE, "", true).unwrap();
    let directories = hierarchy.directories().join("a");
    assert_eq!(directories.version, Version::One);
    assert_eq!(directories.memory, Path::new("/sys/fs/cgroup/memory/a"));
    assert_eq!(directories.cpu, Path::new("/sys/fs/cgroup/cpu,cpuacct/a"));
    assert_eq!(directories.each().len(), 3, "cpu and cpuacct share a hierarchy");
}

#[test]
fn a_user_makes_groups_below_the_own_one() {
    let hierarchy = Hierarchy::parse(VERSION_TWO, "0::/user.slice/openclaw.service\n", false).unwrap();
    let directories = hierarchy.directories();
    assert_eq!(directories.version, Version::Two);
    assert_eq!(directories.memory, Path::new("/sys/fs/cgroup/user.slice/openclaw.service"));
}

#[test]
fn all_workloads_together_stand_back() {
    let settings = |directories: &Directories, memory| -> Vec<String> {
        let lines = locate::settings_of_all(directories, memory);
        lines.iter().map(|(file, value)| format!("{} {value}", file.display())).collect()
    };
    let one = Hierarchy::parse(VERSION_ONE, "", true).unwrap().directories().join("a");
    let shares = "/sys/fs/cgroup/cpu,cpuacct/a/cpu.shares 102";
    assert_eq!(settings(&one, Some(4 << 30)), [shares, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes 3221225472"]);
    let two = version_two(Path::new("/g"));
    assert_eq!(settings(&two, Some(4 << 30)), ["/g/cpu.weight 10", "/g/memory.max 3221225472"]);
    assert_eq!(settings(&two, None), ["/g/cpu.weight 10"], "nobody knows how much there is");
}

#[test]
fn the_engine_is_told_of_a_group_from_the_root_on() {
    let hierarchy = Hierarchy::parse(VERSION_TWO, "0::/user.slice/openclaw.service\n", false).unwrap();
    assert_eq!(hierarchy.below_mount(), Path::new("user.slice/openclaw.service"));
    assert_eq!(Hierarchy::parse(VERSION_ONE, "", true).unwrap().below_mount(), Path::new(""));
}

#[test]
fn no_controllers_no_groups() {
    assert_eq!(Hierarchy::parse("22 1 0:20 / /proc rw - proc proc rw\n", "", true), None);
}

fn version_two(group: &Path) -> Directories {
    let [memory, cpu, accounting, pids, io] = [(); 5].map(|()| group.to_owned());
    Directories { version: Version::Two, memory, cpu, accounting, pids, io: Some(io) }
}

#[test]
fn the_counters_of_version_two_are_read() {
    let home = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(home.path().join(file), text).unwrap();
    write("cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
    write("memory.peak", "4096\n");
    write("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 1\n");
    write("pids.events", "max 7\n");
    let directories = version_two(home.path());
    let expected =
        Counters { cpu: Duration::from_micros(1500), peak_memory_bytes: 4096, oom_kills: 2, refused_pids: 7 };
    assert_eq!(directories.counters(), expected);
}

#[test]
fn the_limits_of_version_two_are_written_as_it_reads_them() {
    let directories = version_two(Path::new("/g"));
    let limits = Limits { memory_bytes: 1 << 20, cpu_millis: 500, pids: 9, ..Limits::default() };
    let lines: Vec<_> =
        settings(&directories, &limits, 2).iter().map(|(file, value)| format!("{} {value}", file.display())).collect();
    let expected = [
        "/g/memory.max 1048576",
        "/g/memory.swap.max 0",
        "/g/memory.oom.group 1",
        "/g/cpu.max 50000 100000",
        "/g/pids.max 11",
    ];
    assert_eq!(lines, expected);
}
