//! Workloads by the Docker Engine: the surface of bubblewrap, held against the same answers. One test, since it starts
//! an engine of its own.

use std::fs;
use std::time::Duration;

use openclaw_sandbox::{
    Backend, Docker, DockerImage, DockerOptions, Error, Limit, Limits, Mount, Output, Reason, Size, Tenant, WorkPath,
    Workload,
};

use crate::as_an_ordinary_user::run_again;
use crate::egress;
use crate::engine::{self, Engine};
use crate::probe;
use crate::world::{World, describe, is_root, shell, stands_back};

#[tokio::test]
async fn without_an_engine_the_error_says_what_to_do() {
    let world = World::new();
    let options = DockerOptions {
        socket: world.path("no-engine.sock"),
        directory: world.path("sandbox"),
        image: DockerImage::Named("any".to_owned()),
        runtime: None,
        strict: false,
        pool: 0,
        tidy: false,
        reaper: world.reaper(),
    };
    let error = Docker::open(options).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable { what: "Docker", .. }), "{error}");
    assert!(error.to_string().contains("install docker.io and start dockerd"), "{error}");
}

#[tokio::test]
async fn the_same_surface() {
    let Some(engine) = Engine::start() else { return };
    let world = World::new();
    let (backend, tenant) = (engine.backend(&world).await, world.tenant(1));
    let not_enforced = if is_root() { vec![] } else { vec![Limit::Binds] };
    assert_eq!(backend.info().limits.not_enforced(), not_enforced);

    probe::run(&world, &backend, &tenant).await;
    streams_and_environment(&backend, &tenant).await;
    stands_back(&backend, &tenant).await;
    its_environment_is_in_no_command_line(&world, &backend, &tenant).await;
    files(&world, &backend, &tenant).await;
    failures_to_start(&backend, &tenant).await;
    limits(&backend, &tenant).await;
    sessions_that_end(&backend, &tenant).await;
    egress::only_what_is_allowed_is_reached(&backend, &tenant).await;
    terminals(&backend, &tenant).await;
    those_that_are_ready(&engine, &world).await;
    let backend = engine.backend(&world).await;
    what_was_left_goes_at_the_next_start(&engine, &world, &backend, &tenant).await;
    if is_root() {
        let home = engine.home().display().to_string();
        let text = run_again(&["--exact", "docker::the_same_surface"], &[(engine::HOME, &home)]);
        assert!(text.contains("test docker::the_same_surface ... ok"), "{text}");
    }
}

async fn streams_and_environment(backend: &Docker, tenant: &Tenant) {
    let mut workload = Workload::shell("cat; echo bad >&2; exit 7");
    workload.stdin = b"hello".to_vec();
    let outcome = backend.run(tenant, workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Exit, Some(7)), "{}", describe(&outcome));
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), (&b"hello"[..], &b"bad\n"[..]));

    let mut workload = Workload::new("env", [""; 0]);
    workload.env.push(("B".to_owned(), "two words".to_owned()));
    let printed = String::from_utf8(backend.run(tenant, workload).await.unwrap().stdout).unwrap();
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["B=two words", "HOME=/work", &format!("PATH={}", openclaw_sandbox::PATH)]);

    let outcome = backend.run(tenant, Workload::shell("kill -TERM $$")).await.unwrap();
    assert_eq!((outcome.exit_code, outcome.signal), (None, Some(15)));
}

async fn its_environment_is_in_no_command_line(world: &World, backend: &Docker, tenant: &Tenant) {
    let mut workload = Workload::shell("echo $SECRET; sleep 1000");
    workload.env.push(("SECRET".to_owned(), "canary-of-a-tenant".to_owned()));
    let mut session = backend.start(tenant, workload).await.unwrap();
    assert_eq!(session.next().await, Some(Output::Stdout("canary-of-a-tenant\n".into())));
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| {
        let line = fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    let told: Vec<_> = lines.filter(|line| line.contains("canary-of-a-tenant")).collect();
    assert!(told.is_empty(), "{told:?}");
    session.remote().kill();
    session.outcome().await;
    assert_eq!(jobs(world), 0);
}

/// How many files with a workload's environment there are.
fn jobs(world: &World) -> usize {
    let names = fs::read_dir(world.path("sandbox")).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("job-")).count()
}

async fn files(world: &World, backend: &Docker, tenant: &Tenant) {
    assert_eq!(
        shell(backend, tenant, "mkdir a && echo x > a/b && mv a/b a/c && cat /work/a/c && pwd").await,
        "x\n/work"
    );
    assert_eq!(fs::read_to_string(world.path("tenant-1/a/c")).unwrap(), "x\n");
    assert_eq!(shell(backend, tenant, "whoami; id -gn; ls /home 2>&1 | wc -l").await, "tenant\ntenant\n1");
    let mut workload = Workload::shell("pwd; cat /mnt/data/file; echo x > /mnt/data/file");
    workload.cwd = WorkPath::parse("a").unwrap();
    fs::create_dir(world.path("data")).unwrap();
    fs::write(world.path("data/file"), "content").unwrap();
    workload.mounts.push(Mount::new(fs::File::open(world.path("data")).unwrap().into(), "/mnt/data").unwrap());
    let outcome = backend.run(tenant, workload).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "/work/a\ncontent", "{}", describe(&outcome));
    assert_eq!(fs::read_to_string(world.path("data/file")).unwrap(), "content");
    assert_eq!(fs::read_dir(world.path("sandbox/mounts")).unwrap().count(), 0, "something stays staged");
}

async fn failures_to_start(backend: &Docker, tenant: &Tenant) {
    let outcome = backend.run(tenant, Workload::new("no-such-program", [""; 0])).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::FailedToStart, None), "{}", describe(&outcome));
    assert!(outcome.message.unwrap().starts_with("no-such-program: No such file"));
    let mut workload = Workload::new("true", [""; 0]);
    workload.cwd = WorkPath::parse("nowhere").unwrap();
    let outcome = backend.run(tenant, workload).await.unwrap();
    assert!(outcome.message.as_ref().unwrap().starts_with("/work/nowhere: No such file"), "{}", describe(&outcome));
}

async fn limits(backend: &Docker, tenant: &Tenant) {
    let run = |script: &str, limits: Limits| {
        let mut workload = Workload::shell(script);
        workload.limits = limits;
        async move { backend.run(tenant, workload).await.unwrap() }
    };
    let outcome = run("sleep 1000", Limits { wall: Duration::from_millis(300), ..Limits::default() }).await;
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Timeout, None));
    let outcome = run("yes", Limits { output_bytes: 1000, ..Limits::default() }).await;
    assert_eq!((outcome.reason, outcome.truncated, outcome.stdout.len()), (Reason::OutputLimit, true, 1000));
    let fill = "x=$(head -c 200000000 /dev/zero | tr '\\0' x)";
    let outcome = run(fill, Limits { memory_bytes: 64 << 20, ..Limits::default() }).await;
    assert_eq!(outcome.reason, Reason::Oom, "{}", describe(&outcome));
    // Without root the counters are those of the container alone, read while it runs.
    assert!(outcome.usage.peak_memory_bytes >= 60 << 20 || !is_root(), "{:?}", outcome.usage);
    let forks = "for i in $(seq 40); do sleep 1000 & done; echo started";
    let outcome = run(forks, Limits { pids: 20, ..Limits::default() }).await;
    assert_ne!(outcome.exit_code, Some(0), "{}", describe(&outcome));
    let files = "ulimit -n; head -c 2000 /dev/zero > big; ls -l big | cut -d' ' -f5";
    let outcome = run(files, Limits { files: 50, file_bytes: 1000, ..Limits::default() }).await;
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "50\n1000\n", "{}", describe(&outcome));
}

async fn those_that_are_ready(engine: &Engine, world: &World) {
    let backend = engine.pooled(world, 4).await;
    let tenants = [world.tenant(2), world.tenant(3)];
    for tenant in &tenants {
        backend.warm(tenant).await;
        fs::write(world.path(&tenant.id).join("name"), &tenant.id).unwrap();
    }
    for number in 0..3 {
        for tenant in &tenants {
            let mut workload = Workload::shell("cat; cat /work/name; ls /tmp; touch /tmp/left; echo $NUMBER");
            (workload.stdin, workload.env) = (b"typed ".to_vec(), vec![("NUMBER".to_owned(), number.to_string())]);
            let outcome = backend.run(tenant, workload).await.unwrap();
            let out = String::from_utf8_lossy(&outcome.stdout);
            assert_eq!(out, format!("typed {}{number}\n", tenant.id), "{}", describe(&outcome));
            backend.warm(tenant).await;
        }
    }
    let mut workload = Workload::shell("x=$(head -c 200000000 /dev/zero | tr '\\0' x)");
    workload.limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let outcome = backend.run(&tenants[0], workload).await.unwrap();
    assert_eq!(outcome.reason, Reason::Oom, "none is ready with other limits: {}", describe(&outcome));
    backend.close().await;
    assert_eq!(fs::read_dir(world.path("sandbox/mounts")).unwrap().count(), 0, "something stays staged");
    assert_eq!(shell(&backend, &tenants[0], "cat /work/name").await, "tenant-2", "it still runs workloads");
}

async fn what_was_left_goes_at_the_next_start(engine: &Engine, world: &World, backend: &Docker, tenant: &Tenant) {
    let mut session = backend.start(tenant, Workload::shell("echo up; sleep 1000")).await.unwrap();
    session.next().await.unwrap();
    fs::write(world.path("sandbox/job-1-0"), "of a gateway that was killed, and its reaper with it").unwrap();
    engine.backend(world).await;
    assert!(!world.path("sandbox/job-1-0").exists());
    let outcome = session.outcome().await;
    assert_eq!((outcome.reason, outcome.signal), (Reason::Exit, Some(9)));
}

async fn terminals(backend: &Docker, tenant: &Tenant) {
    let script = "stty size; printf '\\000\\001\\377'; read line; \
                  while [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; stty size; echo got $line";
    let mut workload = Workload::shell(script);
    workload.pty = Some(Size { columns: 100, rows: 30 });
    let mut session = backend.start(tenant, workload).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\0\x01\xff") {
        match session.next().await.unwrap() {
            Output::Stdout(bytes) | Output::Stderr(bytes) => seen.extend(bytes),
        }
    }
    session.remote().resize(Size { columns: 120, rows: 40 });
    session.take_input().unwrap().write("word\n").await;
    let outcome = session.collect().await;
    let rest = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(seen.starts_with(b"30 100\r\n") && rest.ends_with("40 120\r\ngot word\r\n"), "{seen:?} {rest:?}");
}

async fn sessions_that_end(backend: &Docker, tenant: &Tenant) {
    let mut session = backend.start(tenant, Workload::shell("echo up; sleep 1000")).await.unwrap();
    session.next().await.unwrap();
    session.remote().kill();
    assert_eq!(session.outcome().await.reason, Reason::Killed);
}
