#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::{Mount, TenantUser};

fn null() -> OwnedFd {
    File::open("/dev/null").unwrap().into()
}

/// The words, with each descriptor's number as `FD`.
fn words(root: &RootFiles, workload: &Workload, egress: bool) -> Vec<String> {
    let user = TenantUser::Own(NonZeroU32::new(200_001).unwrap());
    let tenant = Tenant { id: "t".to_owned(), user, workspace: Arc::new(null()), read_only: false };
    let extras = Extras { shim: null(), egress: egress.then(null), status: null() };
    let arguments = Arguments::new(root, &tenant, workload, extras).unwrap();
    let numbers: Vec<_> = (LIST + 1..).take(arguments.descriptors.len()).map(|number| number.to_string()).collect();
    let text = String::from_utf8(arguments.bytes).unwrap();
    text.split_terminator('\0')
        .map(|word| if numbers.iter().any(|n| n == word) { "FD" } else { word }.to_owned())
        .collect()
}

#[test]
fn what_the_tenant_writes_is_mounted_last_and_nothing_below_it() {
    let mut workload = Workload::new("true", [""; 0]);
    workload.mounts.push(Mount::new(null(), "/mnt/data").unwrap());
    let words = words(&RootFiles::Tree(Arc::new(null())), &workload, true);
    let targets: Vec<_> = words.iter().filter(|word| word.starts_with('/')).collect();
    let workspace = targets.iter().position(|target| *target == "/work").unwrap();
    assert_eq!(targets[workspace + 1..], ["/", "/"], "only the root is made read-only after it");
    assert!(!targets.iter().any(|target| target.starts_with("/work/")), "{targets:?}");
}

#[test]
fn every_namespace_is_its_own_whatever_the_workload_asks_for() {
    let words = words(&RootFiles::Tree(Arc::new(null())), &Workload::default(), true);
    for option in [
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--seccomp",
    ] {
        assert!(words.iter().any(|word| word == option), "{option}");
    }
}

#[test]
fn no_path_of_the_host_is_looked_up_but_of_proc() {
    let words = words(&RootFiles::open(None).unwrap().0, &Workload::default(), true);
    for pair in words.windows(2) {
        if ["--bind", "--ro-bind", "--dev-bind"].contains(&pair[0].as_str()) {
            assert!(pair[1].starts_with("/proc/"), "{pair:?}");
        }
        if pair[0].ends_with("bind-fd") || pair[0].ends_with("bind-data") {
            assert_eq!(pair[1], "FD", "{pair:?}");
        }
    }
}

#[test]
fn nothing_that_the_tenant_says_is_an_argument() {
    let mut workload = Workload::new("--bind", ["--canary"]);
    workload.env.push(("CANARY".to_owned(), "--canary".to_owned()));
    let words = words(&RootFiles::Tree(Arc::new(null())), &workload, false);
    assert!(!words.iter().any(|word| word.to_lowercase().contains("canary")), "{words:?}");
}
