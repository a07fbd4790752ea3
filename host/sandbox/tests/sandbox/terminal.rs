//! A workload with a terminal.

use std::time::Duration;

use openclaw_sandbox::{Backend, Output, Reason, Session, Size, Workload};

use crate::world::World;

/// What the terminal shows, until it shows `wanted`.
async fn until(session: &mut Session, seen: &mut String, wanted: &str) {
    let watch = async {
        while !seen.contains(wanted) {
            match session.next().await {
                Some(Output::Stdout(bytes) | Output::Stderr(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                None => panic!("it ended before {wanted:?}: {seen:?}"),
            }
        }
    };
    // A test that fails says what it saw, instead of waiting for the runner.
    let hung = tokio::time::timeout(Duration::from_secs(50), watch).await.is_err();
    assert!(!hung, "no {wanted:?} in {seen:?}");
}

#[tokio::test]
async fn a_shell_has_job_control_its_size_and_its_name() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let mut workload = Workload::new("/bin/bash", ["--norc", "--noprofile", "-i"]);
    workload.env.push(("PS1".to_owned(), "$ ".to_owned()));
    workload.pty = Some(Size { columns: 100, rows: 30 });
    let mut session = backend.start(&tenant, workload).await.unwrap();
    let (input, mut seen) = (session.take_input().unwrap(), String::new());
    until(&mut session, &mut seen, "$ ").await;
    assert!(!seen.contains("no job control"), "{seen:?}");
    assert!(input.write("stty size; whoami\n").await);
    until(&mut session, &mut seen, "30 100\r\ntenant\r\n").await;

    assert!(session.remote().resize(Size { columns: 120, rows: 40 }));
    assert!(input.write("trap 'echo size; stty size' WINCH; stty size\n").await);
    until(&mut session, &mut seen, "40 120").await;

    // Ctrl-C ends what runs in the foreground, and not the shell.
    assert!(input.write("sh -c 'echo begun; exec sleep 1000'\n").await);
    until(&mut session, &mut seen, "begun\r\n").await;
    assert!(input.write("\x03").await);
    assert!(input.write("echo status $?\n").await);
    until(&mut session, &mut seen, "status 130").await;

    assert!(input.write("exit 3\n").await);
    let outcome = session.outcome().await;
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Exit, Some(3)), "{seen:?}");
}

#[tokio::test]
async fn one_that_is_used_for_too_long_ends_by_that_and_not_by_its_program() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let mut workload = Workload::shell("exec sleep 1000");
    workload.pty = Some(Size { columns: 80, rows: 24 });
    workload.limits.wall = Duration::from_millis(200);
    let session = backend.start(&tenant, workload).await.unwrap();
    let outcome = session.outcome().await;
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Timeout, None));
}

#[tokio::test]
async fn it_is_no_terminal_of_the_hosts() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let mut workload = Workload::shell("ls /dev/pts; test -c /dev/tty && echo > /dev/tty && echo own");
    workload.pty = Some(Size { columns: 80, rows: 24 });
    let outcome = backend.run(&tenant, workload).await.unwrap();
    let seen = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(seen.starts_with("ptmx\r\n") && seen.ends_with("own\r\n"), "{seen:?}");
}
