//! The probe: a static program that tries each known way out. What it may print is in `probe.golden`, for both modes.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use openclaw_sandbox::{Backend, Limits, Reason, Tenant, Workload};

use crate::world::{World, describe};

/// What the host offers to a sandbox that leaks.
struct Bait {
    port: TcpListener,
    name: String,
    _socket: UnixListener,
}

impl Bait {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("openclaw-probe-{}", port.local_addr().unwrap().port());
        let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Self { port, name, _socket: socket }
    }
}

pub(crate) async fn run(world: &World, backend: &dyn Backend, tenant: &Tenant) {
    let workspace = world.path(&tenant.id);
    let compiled = Command::new("cc")
        .args(["-static", "-O1", "-o"])
        .arg(workspace.join("probe"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/probe.c"))
        .status()
        .expect("cc starts: install gcc and libc6-dev");
    assert!(compiled.success());
    symlink("/etc/shadow", workspace.join("link-to-host")).unwrap();

    let bait = Bait::new();
    let mut workload = Workload::new("/work/probe", [""; 0]);
    workload.env.push(("PROBE_PORT".to_owned(), bait.port.local_addr().unwrap().port().to_string()));
    workload.env.push(("PROBE_ABSTRACT".to_owned(), bait.name.clone()));
    workload.limits = Limits { tmp_bytes: 32 << 20, ..Limits::default() };
    let outcome = backend.run(tenant, workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Exit, Some(0)), "{}", describe(&outcome));

    let printed = String::from_utf8(outcome.stdout).unwrap();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/probe.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(golden, &printed).unwrap();
    }
    let expected = include_str!("probe.golden");
    let differences: Vec<_> = printed.lines().filter(|line| !expected.lines().any(|known| known == *line)).collect();
    assert!(printed == expected, "{}:\n{differences:#?}\nall of it:\n{printed}", backend.info().mode.as_str());
}
