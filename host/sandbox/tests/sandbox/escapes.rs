//! Races and links against the start of a workload, from the side of the host.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_sandbox::{Backend, Workload};

use crate::world::{World, describe, shell};

/// bubblewrap before 0.12 follows a link below what it has bound, through its view of the host's files.
#[tokio::test]
async fn links_in_the_workspace_lead_nowhere() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let host = world.path("host");
    fs::create_dir(&host).unwrap();
    for (name, target) in [
        ("run", format!("/oldroot{}", host.display())),
        ("etc", format!("../../oldroot{}", host.display())),
        ("tmp", host.display().to_string()),
        ("proc", format!("/proc/1/root{}", host.display())),
    ] {
        symlink(target, world.path("tenant-1").join(name)).unwrap();
    }
    let script = "for link in run etc tmp proc; do echo x > /work/$link/file; mkdir /work/$link/directory; done 2>/dev/null; echo done";
    assert_eq!(shell(&backend, &tenant, script).await, "done");
    assert_eq!(fs::read_dir(&host).unwrap().count(), 0);
}

/// What is bound is what was opened, whatever its path has become.
#[tokio::test]
async fn a_workspace_that_is_swapped_for_a_link_stays_what_it_was() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    fs::write(world.path("tenant-1/own"), "").unwrap();
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/secret"), "").unwrap();
    let (path, aside, link) = (world.path("tenant-1"), world.path("aside"), world.path("link"));
    symlink(world.path("other"), &link).unwrap();

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&path, &aside).unwrap();
                fs::rename(&link, &path).unwrap();
                fs::rename(&path, &link).unwrap();
                fs::rename(&aside, &path).unwrap();
            }
        });
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut started = 0;
                for _ in 0..30 {
                    let outcome = backend.run(&tenant, Workload::new("ls", ["/work"])).await.unwrap();
                    // bubblewrap may see the race, and refuses then to start.
                    assert!(!outcome.stdout.starts_with(b"secret"), "{}", describe(&outcome));
                    started += u32::from(outcome.stdout == b"own\n");
                }
                done.store(true, Ordering::Relaxed);
                assert!(started > 0);
            });
        });
    });
}

/// A workload that says what bubblewrap says of itself only deceives itself.
#[tokio::test]
async fn the_first_process_gives_nothing_away() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let script = "cat /proc/1/environ /proc/2/environ 2>/dev/null | tr '\\0' '\\n' | grep -vE '^(PATH|HOME|PWD)='; \
                  tr '\\0' ' ' < /proc/1/cmdline; echo; \
                  for fd in /proc/1/fd/*; do readlink $fd; done | grep -vE '^(/dev/null|/|(pipe|socket|anon_inode):.*)$'; true";
    let seen = shell(&backend, &tenant, script).await;
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines.len(), 1, "{seen}");
    assert!(lines[0].starts_with("/usr/bin/bwrap --args ") && lines[0].contains(" -- /run/shim exec "), "{seen}");
}
