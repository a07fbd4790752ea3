//! Workloads by bubblewrap.

use std::fs;
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use openclaw_sandbox::{
    Backend, Bwrap, BwrapOptions, Error, Limit, Limits, Mount, Reason, TenantUser, WorkPath, Workload,
};

use crate::probe;
use crate::world::{World, describe, is_root, shell, skip, stands_back};

#[tokio::test]
async fn probe_golden() {
    let world = World::new();
    let backend = Bwrap::open(BwrapOptions { tree: Some(world.tree()), ..world.options() }).unwrap();
    probe::run(&world, &backend, &world.tenant(1)).await;
}

#[tokio::test]
async fn probe_golden_on_the_hosts_usr() {
    let world = World::new();
    probe::run(&world, &world.bwrap(), &world.tenant(1)).await;
}

#[tokio::test]
async fn a_command_gets_its_input_and_its_output_comes_back() {
    let (world, mut workload) = (World::new(), Workload::shell("cat; echo bad >&2; exit 7"));
    workload.stdin = b"hello".to_vec();
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code, outcome.signal), (Reason::Exit, Some(7), None));
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), (&b"hello"[..], &b"bad\n"[..]));
    assert!(!outcome.truncated);
}

#[tokio::test]
async fn the_environment_is_exact() {
    let (world, mut workload) = (World::new(), Workload::new("env", [""; 0]));
    workload.env.push(("B".to_owned(), "two words\nand a line".to_owned()));
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    let printed = String::from_utf8(outcome.stdout).unwrap();
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    let path = format!("PATH={}", openclaw_sandbox::PATH);
    assert_eq!(lines, ["B=two words", "HOME=/work", &path, "and a line"]);
}

#[tokio::test]
async fn the_workspace_is_the_tenants_own() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    assert_eq!(
        shell(&backend, &tenant, "mkdir a && echo x > a/b && mv a/b a/c && cat /work/a/c && pwd").await,
        "x\n/work"
    );
    assert_eq!(fs::read_to_string(world.path("tenant-1/a/c")).unwrap(), "x\n");
    let mut workload = Workload::new("pwd", [""; 0]);
    workload.cwd = WorkPath::parse("a").unwrap();
    assert_eq!(backend.run(&tenant, workload).await.unwrap().stdout, b"/work/a\n");
    assert_eq!(shell(&backend, &tenant, "whoami; id -gn; ls /home 2>&1 | wc -l").await, "tenant\ntenant\n1");
}

#[tokio::test]
async fn a_read_only_workspace_is_read_only() {
    let world = World::new();
    let mut tenant = world.tenant(1);
    tenant.read_only = true;
    let outcome = world.bwrap().run(&tenant, Workload::shell("echo x > /work/a")).await.unwrap();
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("Read-only"), "{}", describe(&outcome));
}

#[tokio::test]
async fn a_mount_can_be_read_and_not_written() {
    let world = World::new();
    fs::create_dir(world.path("data")).unwrap();
    fs::write(world.path("data/file"), "content").unwrap();
    let mut workload = Workload::shell("cat /mnt/data/file; echo x > /mnt/data/file");
    workload.mounts.push(Mount::new(fs::File::open(world.path("data")).unwrap().into(), "/mnt/data").unwrap());
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    assert_eq!(outcome.stdout, b"content", "{}", describe(&outcome));
    assert_ne!(outcome.exit_code, Some(0));
    assert_eq!(fs::read_to_string(world.path("data/file")).unwrap(), "content");
}

#[tokio::test]
async fn what_does_not_start_says_why() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let outcome = backend.run(&tenant, Workload::new("no-such-program", [""; 0])).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::FailedToStart, None), "{}", describe(&outcome));
    assert!(outcome.message.unwrap().starts_with("no-such-program: No such file"));
    let mut workload = Workload::new("true", [""; 0]);
    workload.cwd = WorkPath::parse("nowhere").unwrap();
    let outcome = backend.run(&tenant, workload).await.unwrap();
    assert_eq!(outcome.reason, Reason::FailedToStart);
    assert!(outcome.message.unwrap().starts_with("/work/nowhere: No such file"));
}

#[tokio::test]
async fn a_signal_is_told_from_a_status() {
    let world = World::new();
    let outcome = world.bwrap().run(&world.tenant(1), Workload::shell("kill -TERM $$")).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code, outcome.signal), (Reason::Exit, None, Some(15)));
}

#[tokio::test]
async fn time_that_is_over_ends_the_whole_workload() {
    let (world, mut workload) =
        (World::new(), Workload::shell("setsid sh -c 'sleep 1000; echo late > /work/late' & sleep 1000"));
    workload.limits.wall = Duration::from_millis(300);
    let tenant = world.tenant(1);
    let outcome = world.bwrap().run(&tenant, workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Timeout, None));
    assert!(outcome.usage.wall >= Duration::from_millis(300));
}

#[tokio::test]
async fn output_has_an_end() {
    let (world, mut workload) = (World::new(), Workload::new("yes", [""; 0]));
    workload.limits.output_bytes = 1000;
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.truncated, outcome.stdout.len()), (Reason::OutputLimit, true, 1000));
}

#[tokio::test]
async fn memory_has_an_end() {
    let world = World::new();
    for backend in [world.bwrap(), world.bwrap().without_cgroups().unwrap()] {
        // Many processes: none of them alone has more than allowed. A shell whose last command is `sleep` would become
        // it and let go of the text.
        let mut workload = Workload::shell(
            "for i in 1 2 3 4 5 6; do (x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 1000; :) & done; wait",
        );
        workload.limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
        let outcome = backend.run(&world.tenant(1), workload).await.unwrap();
        assert_eq!(outcome.reason, Reason::Oom, "{}", describe(&outcome));
        assert!(outcome.usage.peak_memory_bytes >= 60 << 20, "{:?}", outcome.usage);
    }
}

#[tokio::test]
async fn processes_have_an_end() {
    let world = World::new();
    for backend in [world.bwrap(), world.bwrap().without_cgroups().unwrap()] {
        let mut workload = Workload::shell("for i in $(seq 40); do sleep 1000 & done; echo started");
        workload.limits.pids = 20;
        let outcome = backend.run(&world.tenant(1), workload).await.unwrap();
        assert_ne!(outcome.exit_code, Some(0), "{}", describe(&outcome));
        let kernel_counts = backend.info().limits.not_enforced().is_empty();
        assert_eq!(outcome.reason, if kernel_counts { Reason::Pids } else { Reason::Exit }, "{}", describe(&outcome));
        assert!(String::from_utf8_lossy(&outcome.stderr).contains("fork"), "{}", describe(&outcome));
    }
}

#[tokio::test]
async fn a_tenants_processes_are_counted_for_each_workload() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap().without_cgroups().unwrap(), world.tenant(1));
    let mut first = Workload::shell("for i in $(seq 15); do sleep 1000 & done; echo up; wait");
    first.limits.pids = 20;
    let mut second = first.clone();
    second.args[1] = "for i in $(seq 15); do sleep 0 & done; wait; echo done".to_owned();
    let mut session = backend.start(&tenant, first).await.unwrap();
    session.next().await.unwrap();
    let outcome = backend.run(&tenant, second).await.unwrap();
    assert_eq!(outcome.stdout, b"done\n", "{}", describe(&outcome));
}

#[tokio::test]
async fn files_have_limits() {
    let (world, mut workload) =
        (World::new(), Workload::shell("ulimit -n; head -c 2000 /dev/zero > big; ls -l big | cut -d' ' -f5"));
    workload.limits = Limits { files: 50, file_bytes: 1000, ..Limits::default() };
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "50\n1000\n", "{}", describe(&outcome));
}

#[tokio::test]
async fn what_was_used_is_told() {
    let world = World::new();
    for backend in [world.bwrap(), world.bwrap().without_cgroups().unwrap()] {
        let script = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; x=$(head -c 20000000 /dev/zero | tr '\\0' x); \
                      while [ ! -e go ]; do sleep 0.01; done";
        let session = backend.start(&world.tenant(1), Workload::shell(script)).await.unwrap();
        let remote = session.remote();
        // Without cgroups the peak is what a look now and then finds: it lasts until one has.
        let looked = async {
            while remote.usage().peak_memory_bytes <= 20_000_000 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let mut ended = pin!(session.collect());
        let outcome = tokio::select! {
            outcome = &mut ended => outcome,
            () = looked => {
                fs::write(world.path("tenant-1/go"), "").unwrap();
                ended.await
            }
        };
        assert!(outcome.usage.cpu >= Duration::from_millis(20), "{:?}", outcome.usage);
        assert!(outcome.usage.peak_memory_bytes > 20_000_000, "{:?}", outcome.usage);
        fs::remove_file(world.path("tenant-1/go")).unwrap();
    }
}

#[tokio::test]
async fn a_session_that_is_dropped_ends_its_workload() {
    let world = World::new();
    let (backend, tenant) = (world.bwrap(), world.tenant(1));
    let mut session = backend.start(&tenant, Workload::shell("echo up; sleep 1000")).await.unwrap();
    session.next().await.unwrap();
    session.remote().kill();
    assert_eq!(session.outcome().await.reason, Reason::Killed);
}

#[tokio::test]
async fn strict_refuses_what_is_not_enforced() {
    let world = World::new();
    let backend = Bwrap::open(BwrapOptions { strict: true, ..world.options() }).unwrap().without_cgroups().unwrap();
    let error = backend.run(&world.tenant(1), Workload::new("true", [""; 0])).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotEnforced(limits) if *limits == [Limit::Memory, Limit::Cpu, Limit::Pids]),
        "{error}"
    );
    if is_root() {
        let backend = Bwrap::open(BwrapOptions { strict: true, ..world.options() }).unwrap();
        assert_eq!(shell(&backend, &world.tenant(1), "echo ran").await, "ran");
    } else {
        skip("strict with cgroups: none are ours without root");
    }
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let world = World::new();
    let backend = world.bwrap();
    let tenants: Vec<_> = (1..=100).map(|number| world.tenant(number)).collect();
    for tenant in &tenants {
        fs::write(world.path(&tenant.id).join("canary"), format!("{}\n", tenant.id)).unwrap();
    }
    // All at once: what each finds, by every way it has, is its own.
    let script = "cat /canary /*/canary /work/../*/canary /proc/*/cwd/canary /proc/*/root/work/canary 2>/dev/null | sort -u; \
                  ls /proc | grep -c '^[0-9]'";
    let runs = tenants.iter().map(|tenant| shell(&backend, tenant, script));
    for (tenant, seen) in tenants.iter().zip(futures_util::future::join_all(runs).await) {
        let lines: Vec<_> = seen.lines().collect();
        assert_eq!(lines[0], tenant.id, "{seen}");
        assert!(lines[1].parse::<u32>().unwrap() <= 5, "{seen}");
    }
}

#[tokio::test]
async fn a_workload_stands_back_behind_the_rest_of_the_machine() {
    let world = World::new();
    stands_back(&world.bwrap(), &world.tenant(1)).await;
}

#[tokio::test]
async fn a_long_command_fits() {
    let world = World::new();
    let mut workload = Workload::new("wc", ["-c"]);
    workload.env.push(("LONG".to_owned(), "x".repeat(120 << 10)));
    workload.stdin = vec![b'x'; 3 << 20];
    let outcome = world.bwrap().run(&world.tenant(1), workload).await.unwrap();
    assert_eq!(outcome.stdout, b"3145728\n", "{}", describe(&outcome));
}

#[tokio::test]
async fn nothing_runs_as_root_nor_as_another_than_was_said() {
    let world = World::new();
    let mut tenant = world.tenant(1);
    tenant.user = match tenant.user {
        TenantUser::Own(_) => TenantUser::Gateway,
        TenantUser::Gateway => TenantUser::Own(NonZeroU32::new(200_001).unwrap()),
    };
    let error = world.bwrap().run(&tenant, Workload::new("id", [""; 0])).await.unwrap_err();
    let expected = if is_root() { "has no uid of its own" } else { "only a gateway that runs as root" };
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn the_built_tree_is_small_and_has_what_a_shell_needs() {
    let world = World::new();
    let tree = world.tree();
    assert!(tree.bytes() <= 200 << 20, "{}", tree.bytes());
    assert!(tree.packages().contains_key("libc6"), "what the packages need comes along: {:?}", tree.packages());
    let backend = Bwrap::open(BwrapOptions { tree: Some(tree), ..world.options() }).unwrap();
    let tenant = world.tenant(1);
    let programs = "bash cat getent grep ls sed setsid sh sort stty tar";
    let script = format!("for program in {programs}; do command -v $program > /dev/null || echo no $program; done");
    assert_eq!(shell(&backend, &tenant, &script).await, "");
    assert_eq!(shell(&backend, &tenant, "echo a > x; tar cf - x | tar tvf - | grep -o 'tenant/tenant.*x'; ls -d /home /root 2>&1 | grep -c 'No such'").await.lines().last(), Some("2"));
}
