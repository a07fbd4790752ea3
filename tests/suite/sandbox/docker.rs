//! The mode of Docker, by an engine of the test's own. Where there is no root or no dockerd it is left out and told of
//! (`not_tested.rs`); with `CI` set a missing dockerd fails.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use openclaw_tests::wait_until;
use rustix::process::{Pid, Signal, kill_process};

use super::shell;
use crate::contract::*;

struct Engine {
    dockerd: Child,
    home: tempfile::TempDir,
}

/// Why the mode is not tested, where it is not.
pub(crate) fn missing() -> Option<&'static str> {
    let is_there = || Command::new("dockerd").arg("--version").output().is_ok_and(|output| output.status.success());
    if !rustix::process::geteuid().is_root() {
        return Some("starting an engine needs root");
    }
    (!is_there()).then_some("there is no dockerd (Debian: docker.io)")
}

impl Engine {
    /// None where it is not tested.
    fn start() -> Option<Self> {
        if let Some(why) = missing() {
            let wanted = std::env::var_os("CI").is_some() && rustix::process::geteuid().is_root();
            assert!(!wanted, "{why}");
            return None;
        }
        let home = tempfile::Builder::new().prefix("openclaw-dockerd-").tempdir().expect("a directory");
        let at = |name: &str| home.path().join(name);
        fs::write(at("none.json"), "{}").expect("a file");
        let log = fs::File::create(at("log")).expect("a log");
        let mut command = Command::new("dockerd");
        command.arg("--host").arg(format!("unix://{}", at("docker.sock").display()));
        for (option, name) in
            [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid"), ("--config-file", "none.json")]
        {
            command.arg(option).arg(at(name));
        }
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
        let mut dockerd = command.stdout(Stdio::null()).stderr(log).spawn().expect("dockerd starts");
        wait_until("dockerd", || {
            let runs = dockerd.try_wait().is_ok_and(|ended| ended.is_none());
            assert!(runs, "dockerd ended: {}", fs::read_to_string(at("log")).unwrap_or_default());
            UnixStream::connect(at("docker.sock")).is_ok()
        });
        Some(Self { dockerd, home })
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("docker.sock")
    }

    /// A daemon whose workloads run by it.
    fn daemon(&self, more: &str) -> Daemon {
        Daemon::start_with(&format!("sandbox: {{docker_socket: {:?}{more}}}\n", self.socket()))
    }

    /// The containers that it has.
    fn containers(&self) -> Vec<String> {
        self.listed(&["--all"])
    }

    /// The containers that it lists; those that run, where nothing else is asked for.
    fn listed(&self, options: &[&str]) -> Vec<String> {
        let host = format!("unix://{}", self.socket().display());
        let listed = Command::new("docker").args(["--host", &host, "ps", "--quiet"]).args(options).output();
        let listed = String::from_utf8(listed.expect("docker runs").stdout).expect("ids");
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Engine {
    /// Politely: so it ends its containerd and unmounts what it has mounted.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.dockerd), Signal::TERM);
        let _ = self.dockerd.wait();
    }
}

#[test]
fn a_key_of_the_configuration_moves_a_workload_to_docker() {
    let Some(engine) = Engine::start() else { return };
    let daemon = engine.daemon(", mode: docker, docker_pool: 0");
    let tenant = daemon.tenant("acme");
    let ran = tenant.ok("sandbox.run", shell("id -u; pwd; echo kept > file; ls /sys; touch /usr/x"));
    assert_eq!(ran["mode"], "docker", "{ran}");
    let out = ran["stdout"].as_str().unwrap_or_default();
    assert!(out.starts_with("200001\n/work\n"), "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("Read-only file system")), "{ran}");
    assert_eq!(fs::read_to_string(daemon.home().tenant("acme").join("sandbox/work/file")).expect("it"), "kept\n");
    let info = tenant.ok("sandbox.info", json!({}));
    assert_eq!((&info["modes"][0]["mode"], &info["modes"][0]["available"]), (&json!("docker"), &json!(true)), "{info}");
    let slow = tenant.ok("sandbox.run", json!({ "command": ["sleep", "60"], "limits": { "wallMs": 500 } }));
    assert_eq!(slow["reason"], "timeout", "{slow}");
    assert_eq!(engine.containers(), [""; 0], "a container is left");
}

#[test]
fn a_call_asks_for_the_stricter_mode_by_itself() {
    let Some(engine) = Engine::start() else { return };
    let daemon = engine.daemon("");
    let tenant = daemon.tenant("acme");
    let both = ["bwrap", "docker"].map(|mode| {
        let script = "cat /etc/passwd; ls -a / /work; ulimit -n; echo $HOME $PATH";
        let ran = tenant.ok("sandbox.run", json!({ "command": ["sh", "-c", script], "mode": mode }));
        assert_eq!((&ran["mode"], &ran["exitCode"]), (&json!(mode), &json!(0)), "{ran}");
        ran["stdout"].as_str().unwrap_or_default().replace(".dockerenv\n", "")
    });
    assert_eq!(both[0], both[1], "both modes have one surface");
}

/// Waits until one container is left and runs: it waits for its tenant's next workload.
fn waiting(engine: &Engine) -> String {
    wait_until("a container waits", || engine.containers().len() == 1 && engine.listed(&[]).len() == 1);
    engine.containers().remove(0)
}

/// Runs a workload of a tenant; answers the container that it ran in.
fn container_of(daemon: &Daemon, tenant: &Tenant, id: &str, round: usize) -> String {
    let (begun, go) = (format!("begun{round}"), format!("go{round}"));
    thread::scope(|scope| {
        let script = format!("touch {begun}; while [ ! -e {go} ]; do :; done");
        let running = scope.spawn(move || tenant.ok("sandbox.run", shell(&script)));
        super::wait_for_file(daemon, id, &begun);
        let listed = daemon.operator().ok("admin.sandboxes.list", json!({}));
        fs::write(daemon.home().tenant(id).join("sandbox/work").join(&go), "").expect("the word");
        assert_eq!(running.join().expect("it ends")["exitCode"], 0);
        listed["sandboxes"][0]["scopeName"].as_str().expect("a container").to_owned()
    })
}

#[test]
fn a_container_waits_for_the_tenant_whose_workload_has_ended_and_for_no_other() {
    const ROUNDS: usize = 10;
    let Some(engine) = Engine::start() else { return };
    let daemon = engine.daemon(", mode: docker, docker_pool: 1");
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    tenant.done("sandbox.run", shell("true"));
    // Between its start and the moment when the gateway knows of that, a workload does not wait for it.
    let was_ready = (0..ROUNDS).any(|round| {
        let ready = waiting(&engine);
        container_of(&daemon, &tenant, "acme", round).starts_with(&ready)
    });
    assert!(was_ready, "none of {ROUNDS} workloads ran in the container that waited");
    let next = waiting(&engine);
    let container = container_of(&daemon, &other, "other", 0);
    assert!(!container.starts_with(&next), "it is another tenant's");
    daemon.operator().done("config.patch", json!({ "raw": "{sandbox: {docker_pool: 0}}" }));
    wait_until("none is kept any more", || engine.containers().is_empty());
    tenant.done("sandbox.run", shell("true"));
    assert_eq!(engine.containers(), [""; 0]);
}

#[test]
fn a_container_that_waits_goes_with_the_daemon_and_after_a_kill_with_the_next_one() {
    let Some(engine) = Engine::start() else { return };
    let mut daemon = engine.daemon(", mode: docker");
    daemon.tenant("acme").done("sandbox.run", shell("true"));
    waiting(&engine);
    daemon.kill();
    assert_eq!(engine.containers().len(), 1);
    let mut daemon = daemon.restarted();
    wait_until("the container is gone", || engine.containers().is_empty());
    daemon.tenant("other").done("sandbox.run", shell("true"));
    waiting(&engine);
    daemon.terminate();
    assert_eq!(engine.containers(), [""; 0]);
}

#[test]
fn a_container_of_a_killed_daemon_goes_with_the_next_one() {
    let Some(engine) = Engine::start() else { return };
    let mut daemon = engine.daemon(", mode: docker");
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "sandbox.run", "params": shell("touch begun; sleep 1000") });
    socket.send(call.to_string());
    super::wait_for_file(&daemon, "acme", "begun");
    daemon.kill();
    assert_eq!(engine.containers().len(), 1);
    let _daemon = daemon.restarted();
    wait_until("the container is gone", || engine.containers().is_empty());
}
