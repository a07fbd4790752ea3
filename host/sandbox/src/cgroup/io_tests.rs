//! What workloads read and write stands back behind what the gateway does.

use std::path::Path;

use super::tests::{VERSION_ONE, VERSION_TWO};
use super::*;

const BLKIO: &str = "33 25 0:29 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n";

fn weights(mounts: &str) -> Vec<String> {
    let around = Hierarchy::parse(mounts, "", true).unwrap().directories().join("a");
    let lines = locate::weights_of_io(&around);
    lines.iter().map(|(file, value)| format!("{} {value}", file.display())).collect()
}

#[test]
fn all_workloads_together_have_a_tenth_of_the_weight() {
    let two = ["/sys/fs/cgroup/a/io.weight default 10", "/sys/fs/cgroup/a/io.bfq.weight 10"];
    assert_eq!(weights(VERSION_TWO), two);
    let one = ["/sys/fs/cgroup/blkio/a/blkio.weight 50", "/sys/fs/cgroup/blkio/a/blkio.bfq.weight 10"];
    assert_eq!(weights(&format!("{VERSION_ONE}{BLKIO}")), one);
    assert!(weights(VERSION_ONE).is_empty(), "nothing weighs there");
}

#[test]
fn a_workload_is_in_the_group_that_is_weighed() {
    let hierarchy = Hierarchy::parse(&format!("{VERSION_ONE}{BLKIO}"), "", true).unwrap();
    let directories = hierarchy.directories().join("a");
    assert!(directories.each().contains(&Path::new("/sys/fs/cgroup/blkio/a")));
}
