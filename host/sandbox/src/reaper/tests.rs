#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs;

use super::*;

/// A reaper to which the test speaks itself; answers once it has done its work.
fn after_our_end(lines: &str) {
    let home = tempfile::tempdir().unwrap();
    let mut child = spawn(Shim::install(home.path()).unwrap().path()).unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Says what is not tested, where nobody can miss it.
#[allow(clippy::print_stderr, reason = "for whoever reads the tests' output")]
fn skip(what: &str) {
    eprintln!("\n==== SKIPPED: {what} ====\n");
}

#[test]
fn what_is_owed_goes_when_the_pipe_closes_and_what_was_settled_stays() {
    let home = tempfile::tempdir().unwrap();
    let [owed, settled] = ["owed", "settled"].map(|name| home.path().join(name));
    fs::create_dir(&owed).unwrap();
    fs::write(&settled, "").unwrap();
    let (owed_at, settled_at) = (owed.display(), settled.display());
    after_our_end(&format!("+directory {owed_at}\n+directory {settled_at}\n-directory {settled_at}\n"));
    assert!(!owed.exists() && settled.exists());
}

#[test]
fn a_mount_goes_before_its_place() {
    if !rustix::process::geteuid().is_root() {
        return skip("that the reaper unmounts, since only root mounts");
    }
    let home = tempfile::tempdir().unwrap();
    let [source, place] = ["source", "place"].map(|name| home.path().join(name));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(source.join("kept"), "").unwrap();
    rustix::mount::mount_bind(&source, &place).unwrap();
    after_our_end(&format!("+directory {}\n+mount {}\n", place.display(), place.display()));
    assert!(!place.exists() && source.join("kept").exists());
}

#[test]
fn a_cgroup_goes_with_what_runs_in_it() {
    let Some(hierarchy) = crate::cgroup::Hierarchy::find() else {
        return skip("that the reaper removes cgroups, since there is none to make them in");
    };
    let home = tempfile::tempdir().unwrap();
    let reaper = Reaper::start(home.path()).unwrap();
    let group = crate::cgroup::Group::create(&hierarchy, &crate::Limits::default(), 0, &reaper).unwrap();
    let paths = group.paths();
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    for path in &paths {
        fs::write(path.join("cgroup.procs"), child.id().to_string()).unwrap();
    }
    // As if we had been killed: nobody here removes it.
    std::mem::forget(group);
    // It is our child: it can go from its groups only when we have collected it.
    let collect = thread::spawn(move || child.wait().unwrap());
    after_our_end(&paths.iter().map(|path| format!("+cgroup {}\n", path.display())).collect::<String>());
    assert!(!collect.join().unwrap().success());
    assert!(paths.iter().all(|path| !path.exists()), "{paths:?}");
}
