#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs::File;

use super::*;

fn parsed(path: &str) -> Result<String, InvalidWorkload> {
    WorkPath::parse(path).map(|path| path.inside())
}

#[test]
fn a_working_directory_lies_below_the_workspace() {
    assert_eq!(parsed("").unwrap(), "/work");
    assert_eq!(parsed("/work").unwrap(), "/work");
    assert_eq!(parsed("a/b").unwrap(), "/work/a/b");
    assert_eq!(parsed("/work/a").unwrap(), "/work/a");
    for path in ["/", "/etc", "..", "a/../..", "/work/..", "/workspace", "a//b", "./a", "a\0b"] {
        assert_eq!(parsed(path), Err(InvalidWorkload::WorkingDirectory(path.to_owned())), "{path:?}");
    }
}

#[test]
fn a_mount_lies_neither_in_the_workspace_nor_over_the_system() {
    let mount = |target: &str| Mount::new(File::open("/dev/null").unwrap().into(), target);
    assert!(mount("/mnt/data").is_ok());
    for target in ["/work/data", "/etc", "/usr/bin", "/mnt", "/mnt/", "/mnt/../etc", "/mnt/a/b", "mnt/data", "/proc/1"]
    {
        assert!(mount(target).is_err(), "{target}");
    }
}

#[test]
fn the_environment_is_what_was_asked_for_with_path_and_home() {
    let mut workload = Workload::new("env", [""; 0]);
    workload.env = vec![("HOME".to_owned(), "/tmp".to_owned()), ("A".to_owned(), "1".to_owned())];
    let environment = workload.environment();
    let names: Vec<_> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(names, [&format!("PATH={}", crate::PATH), "HOME=/tmp", "A=1"]);
}

#[test]
fn what_execve_would_cut_is_refused() {
    let refused = |change: fn(&mut Workload)| {
        let mut workload = Workload::new("true", [""; 0]);
        change(&mut workload);
        workload.check().unwrap_err()
    };
    assert_eq!(refused(|w| w.command.clear()), InvalidWorkload::NoCommand);
    assert_eq!(refused(|w| w.args.push("a\0b".to_owned())), InvalidWorkload::Nul("the command"));
    assert_eq!(refused(|w| w.env.push(("A".into(), "\0".into()))), InvalidWorkload::Nul("the environment"));
    assert_eq!(refused(|w| w.env.push(("A=B".into(), String::new()))), InvalidWorkload::EnvironmentName("A=B".into()));
    assert!(matches!(refused(|w| w.args.push("x".repeat(MAX_START_BYTES))), InvalidWorkload::TooLarge(_)));
}
