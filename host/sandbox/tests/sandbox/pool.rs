//! Sandboxes that are ready before they are needed.

use std::fs;

use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Limits, Reason, Workload};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, describe, shell};

fn pooled(world: &World) -> Bwrap {
    Bwrap::open(BwrapOptions { pool: 4, ..world.options() }).unwrap()
}

#[tokio::test]
async fn one_that_is_ready_is_used_once_and_by_its_tenant() {
    let world = World::new();
    let backend = pooled(&world);
    let tenants = [world.tenant(1), world.tenant(2)];
    for tenant in &tenants {
        backend.warm(tenant).await;
        fs::write(world.path(&tenant.id).join("name"), &tenant.id).unwrap();
    }
    for _ in 0..5 {
        for tenant in &tenants {
            assert_eq!(shell(&backend, tenant, "cat /work/name; ls /tmp; touch /tmp/left").await, tenant.id);
        }
    }
}

#[tokio::test]
async fn one_that_is_ready_keeps_the_limits_of_its_workload() {
    let world = World::new();
    for backend in [pooled(&world), pooled(&world).without_cgroups().unwrap()] {
        let tenant = world.tenant(1);
        backend.warm(&tenant).await;
        let mut workload = Workload::shell("x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived");
        workload.limits = Limits { memory_bytes: 40 << 20, ..Limits::default() };
        let outcome = backend.run(&tenant, workload).await.unwrap();
        assert!(outcome.stdout.is_empty(), "{}", describe(&outcome));
        let kernel_counts = backend.info().limits.not_enforced().is_empty();
        assert!(outcome.reason == Reason::Oom || !kernel_counts, "{}", describe(&outcome));
    }
}

/// A tenant that was removed and made again has the id of before, and another directory.
#[tokio::test]
async fn a_tenant_that_is_made_again_gets_no_sandbox_of_before() {
    let world = World::new();
    let backend = pooled(&world);
    let before = world.tenant(1);
    fs::write(world.path("tenant-1/secret"), "").unwrap();
    backend.warm(&before).await;
    fs::rename(world.path("tenant-1"), world.path("removed")).unwrap();
    assert_eq!(shell(&backend, &world.tenant(1), "ls /work").await, "");
}

#[tokio::test]
async fn one_that_is_ready_is_given_more_than_it_was_made_with() {
    let world = World::new();
    let (backend, tenant) = (pooled(&world), world.tenant(1));
    backend.warm(&tenant).await;
    let mut workload = Workload::shell("echo up");
    workload.limits = Limits { memory_bytes: 2 << 30, cpu_millis: 2000, pids: 300, ..Limits::default() };
    let outcome = backend.run(&tenant, workload).await.unwrap();
    assert_eq!(outcome.stdout, b"up\n", "{}", describe(&outcome));
}

/// The processes that wait for an order, of any tenant.
fn waiting(world: &World) -> Vec<Pid> {
    let directory = world.path("sandbox").display().to_string();
    let waits = |process: &fs::DirEntry| {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        line.starts_with(&directory) && line.contains("\0start\0")
    };
    let number = |process: fs::DirEntry| Pid::from_raw(process.file_name().to_str()?.parse().ok()?);
    fs::read_dir("/proc").unwrap().flatten().filter(waits).filter_map(number).collect()
}

/// Where memory is short, they are the first to go.
#[tokio::test]
async fn a_process_that_ended_before_it_was_needed_is_not_missed_and_none_is_left_in_the_end() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    shell(&backend, &tenant, "true").await;
    while waiting(&world).len() < 2 {
        std::thread::yield_now();
    }
    for process in waiting(&world) {
        kill_process(process, Signal::KILL).unwrap();
        let state = format!("/proc/{}/stat", process.as_raw_pid());
        while fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
    assert_eq!(shell(&backend, &tenant, "echo up").await, "up");
    backend.close().await;
    assert_eq!(waiting(&world), []);
}
