//! Workloads as the gateway runs them: how many, for how long, what they leave, and what ends them.

pub(crate) mod docker;
mod full;
mod hidden;
mod modes;

use std::thread;

use openclaw_tests::{Event, Socket, wait_for, wait_until};
use rustix::process::Signal;

use crate::contract::*;

fn shell(script: &str) -> Value {
    json!({ "command": ["sh", "-c", script] })
}

/// Calls until the answer is another than that the gateway has no room.
fn when_there_is_room(tenant: &Tenant, params: &Value) -> Value {
    wait_for("room for a workload", || match tenant.call("sandbox.run", params.clone()) {
        Err(error) if error.name() == "UNAVAILABLE" => None,
        answer => Some(answer.unwrap_or_else(|error| panic!("{error}"))),
    })
}

/// Waits until a workload has made this file in its workspace.
pub(crate) fn wait_for_file(daemon: &Daemon, tenant: &str, file: &str) {
    let path = daemon.home().tenant(tenant).join("sandbox/work").join(file);
    wait_until(&format!("a workload's file {file}"), || path.exists());
}

/// A terminal, and a connection that watches it.
pub(crate) struct Screen {
    pub(crate) spawned: Value,
    tenant: Client,
    socket: Socket,
}

impl Screen {
    pub(crate) fn spawn(tenant: &Client, params: Value) -> Self {
        Self::begin(tenant, "terminal.spawn", params)
    }

    /// As OpenClaw's clients do.
    pub(crate) fn open(tenant: &Client, params: Value) -> Self {
        Self::begin(tenant, "terminal.open", params)
    }

    fn begin(tenant: &Client, method: &str, params: Value) -> Self {
        let mut socket = tenant.socket();
        socket.subscribe(None);
        Self { spawned: tenant.ok(method, params), tenant: tenant.clone(), socket }
    }

    pub(crate) fn id(&self) -> String {
        let name = if self.spawned["terminalId"].is_null() { "sessionId" } else { "terminalId" };
        self.spawned[name].as_str().expect("an id").to_owned()
    }

    pub(crate) fn input(&self, data: &str) {
        self.tenant.done("terminal.input", json!({ "sessionId": self.id(), "data": data }));
    }

    pub(crate) fn next(&mut self) -> Event {
        self.socket.event()
    }

    /// The payload of the next event of a name.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        self.socket.event_named(name).payload
    }

    pub(crate) fn write(&self, data: &str) {
        self.tenant.done("terminal.write", json!({ "terminalId": self.id(), "data": data }));
    }

    /// What it shows until this is among it; the events have no gap.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let (mut shown, mut number) = (String::new(), None);
        while !shown.contains(text) {
            let event = self.socket.event_named("terminal.output").payload;
            assert_eq!(event["terminalId"], self.spawned["terminalId"]);
            let seq = event["seq"].as_u64().expect("a number");
            assert!(number.is_none_or(|last| seq == last + 1), "{seq} after {number:?}");
            number = Some(seq);
            let data = event["data"].as_str().expect("text");
            assert!(!data.contains('\u{fffd}'), "a character was cut: {data:?}");
            shown += data;
        }
        shown
    }

    pub(crate) fn ended(&mut self) -> Value {
        self.socket.event_named("terminal.exit").payload
    }

    /// The connection goes; answers the terminal's id.
    pub(crate) fn forget(self) -> String {
        self.id()
    }
}

#[test]
fn a_tenant_runs_so_many_at_once_and_another_is_not_concerned() {
    let daemon = Daemon::start_with("sandbox: {concurrent_per_tenant: 1}\n");
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    thread::scope(|scope| {
        let first = scope.spawn(|| tenant.ok("sandbox.run", shell("touch begun; while [ ! -e go ]; do :; done")));
        wait_for_file(&daemon, "acme", "begun");
        let error = tenant.err("sandbox.run", shell("true"));
        assert_eq!(error.name(), "UNAVAILABLE", "{error}");
        assert!(
            error.message.contains("1 workloads of this tenant run") && error.data["retryAfterMs"].is_u64(),
            "{error}"
        );
        other.done("sandbox.run", shell("true"));
        std::fs::write(daemon.home().tenant("acme").join("sandbox/work/go"), "").expect("the word");
        assert_eq!(first.join().expect("the first ends")["exitCode"], 0);
    });
    when_there_is_room(&tenant, &shell("true"));
}

#[test]
fn a_call_that_nobody_waits_for_ends_its_workload() {
    let daemon = Daemon::start_with("sandbox: {concurrent_per_tenant: 1}\n");
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "sandbox.run", "params": shell("touch begun; sleep 1000") });
    socket.send(call.to_string());
    wait_for_file(&daemon, "acme", "begun");
    drop(socket);
    // Its place is free once the last of its processes has ended.
    let ran = when_there_is_room(&tenant, &shell("ls /proc | grep -c '^[0-9]'"));
    assert_eq!(ran["exitCode"], 0, "{ran}");
}

#[test]
fn what_a_workload_writes_counts_for_the_next_write() {
    const MIB: u64 = 1 << 20;
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 4 * MIB } }));
    // Measured once, before: what follows is written behind the gateway's back.
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "x" }));
    assert_eq!(tenant.ok("sandbox.run", shell("head -c 5M /dev/zero > large"))["exitCode"], 0);
    let error = tenant.err("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "xx" }));
    assert_eq!((error.name(), &error.data["quota"]), ("QUOTA_EXCEEDED", &json!("disk_bytes")), "{error}");
    let told = tenant.ok("tenants.usage", json!({}))["diskUsageBytes"].as_u64();
    assert!(told.is_some_and(|bytes| bytes > 5 * MIB), "{told:?}");
}

#[test]
fn a_workload_that_fills_the_disk_is_ended() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 4 << 20 } }));
    let ran = tenant.ok("sandbox.run", shell("head -c 8M /dev/zero > large; sleep 1000"));
    assert_eq!(ran["reason"], "killed", "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("disk_bytes is used up")), "{ran}");
}

#[test]
fn what_fills_the_gateways_own_disk_is_ended_though_its_tenant_has_no_quota() {
    let daemon = Daemon::start_with("gateway: {limits: {free_disk_mb: 1}}\n");
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sleep", "1000"] }));
    let ran = thread::scope(|scope| {
        let running = scope.spawn(|| tenant.ok("sandbox.run", shell("touch begun; sleep 1000")));
        wait_for_file(&daemon, "acme", "begun");
        // As if somebody had filled it: more is to be left than there is.
        daemon.home().configure("gateway: {limits: {free_disk_mb: 1048576}}\n");
        daemon.signal(Signal::HUP);
        running.join().expect("it is ended")
    });
    assert_eq!(ran["reason"], "killed", "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("the gateway's disk is full")), "{ran}");
    let ended = screen.ended();
    assert_eq!((&ended["reason"], &ended["error"]), (&json!("disk_full"), &json!("the gateway's disk is full")));
}

#[test]
fn a_terminal_that_fills_its_tenants_disk_is_ended() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 4 << 20 } }));
    let script = "head -c 8M /dev/zero > large; sleep 1000";
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    let ended = screen.ended();
    assert_eq!((&ended["reason"], &ended["error"]), (&json!("quota"), &json!("disk_bytes is used up")), "{ended}");
}

/// The moment itself cannot be hit at will: whatever is hit, nothing is left.
#[test]
fn no_terminal_outlives_a_deletion_that_comes_while_it_begins() {
    let daemon = Daemon::start_with("sandbox: {terminals_per_tenant: 64}\n");
    let mark = format!("{}.{}", std::process::id(), daemon.address().port());
    for _ in 0..5 {
        let tenant = daemon.tenant("acme");
        thread::scope(|scope| {
            for _ in 0..4 {
                let client = daemon.client(tenant.token());
                let command = json!({ "cmd": ["sleep", format!("1000.{mark}")] });
                scope.spawn(move || while client.call("terminal.spawn", command.clone()).is_ok() {});
            }
            wait_until("a terminal", || processes_with(&mark) > 0);
            tenant.done("tenants.delete", json!({ "confirm": true }));
        });
        wait_until("the end of all terminals", || processes_with(&mark) == 0);
    }
}

#[test]
fn its_seconds_are_metered_and_end_with_the_day() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let quotas = json!({ "sandbox_seconds_per_day": 3 });
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    let ran = tenant.ok("sandbox.run", json!({ "command": ["sleep", "1.2"], "limits": { "wallMs": 3000 } }));
    assert_eq!(ran["reason"], "exit", "{ran}");
    assert_eq!(tenant.ok("tenants.usage", json!({}))["sandboxSeconds"], 1);
    let error = tenant.err("sandbox.run", json!({ "command": ["true"], "limits": { "wallMs": 3000 } }));
    assert_eq!((error.code, &error.data["quota"]), (-32029, &json!("sandbox_seconds_per_day")), "{error}");
    tenant.done("sandbox.run", json!({ "command": ["true"], "limits": { "wallMs": 1000 } }));
}

#[test]
fn a_workload_that_names_no_time_runs_for_as_long_as_its_tenants_day_has_seconds() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let quotas = json!({ "sandbox_seconds_per_day": 3 });
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    assert_eq!(tenant.ok("sandbox.run", shell("echo it runs"))["stdout"], "it runs\n", "though 300 s are not left");
    let ran = tenant.ok("sandbox.run", shell("sleep 1000"));
    assert_eq!(ran["reason"], "timeout", "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("sandbox_seconds_per_day is used up")), "{ran}");
    assert_eq!(tenant.ok("tenants.usage", json!({}))["sandboxSeconds"], 3, "all of it, and no more");
    let error = tenant.err("sandbox.run", shell("true"));
    assert_eq!((error.code, &error.data["quota"]), (-32029, &json!("sandbox_seconds_per_day")), "{error}");
}

#[test]
fn the_network_is_an_allow_list_and_each_attempt_is_in_the_audit_log() {
    let daemon = Daemon::start_with("sandbox: {network: allowlist, allow: [\"localhost:80\"]}\n");
    let tenant = daemon.tenant("acme");
    let ask = |host: &str| {
        let request = format!("CONNECT {host} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n");
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/3128; printf '{request}' >&3; head -n 1 <&3");
        tenant.ok("sandbox.run", json!({ "command": ["bash", "-c", script] }))["stdout"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(ask("example.com:443").contains("403"), "it is not on the list");
    assert!(ask("localhost:80").contains("403"), "it is on the list, and is the machine itself");
    let audit = daemon.home().audit();
    let attempts: Vec<&Value> = audit.iter().filter(|line| line["action"] == "sandbox.egress").collect();
    assert_eq!(attempts.len(), 2, "{audit:?}");
    assert!(attempts.iter().all(|line| line["tenant"] == "acme" && line["detail"]["allowed"] == false), "{attempts:?}");
    // Each connection of a loop counts, and the log has two lines of them.
    let again = "for n in 1 2 3 4 5; do exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT a.example:1 HTTP/1.1\\r\\n\\r\\n' >&3; head -n 1 <&3; done";
    let ran = tenant.ok("sandbox.run", json!({ "command": ["bash", "-c", again] }));
    assert_eq!(ran["stdout"].as_str().map(|told| told.matches("403").count()), Some(5), "{ran}");
    let of = |line: &&Value| line["detail"]["host"] == "a.example";
    let audit = daemon.home().audit();
    let lines: Vec<&Value> = audit.iter().filter(of).collect();
    let repeated: Vec<&Value> = lines.iter().map(|line| &line["detail"]["repeated"]).collect();
    assert_eq!(repeated, [&Value::Null, &json!(4)], "{lines:?}");
    let variables = tenant.ok("sandbox.run", shell("echo $HTTPS_PROXY"));
    assert_eq!(variables["stdout"], "http://127.0.0.1:3128\n");
}

#[test]
fn nothing_of_the_daemons_environment_goes_in() {
    let daemon = Daemon::start_as(Home::warm(), |command| {
        command.args(["--listen", "127.0.0.1:0"]).env("CANARY_OF_THE_DAEMON", "canary-of-the-daemon")
    });
    let daemon = daemon.unwrap_or_else(|failed| panic!("{failed}"));
    let ran = daemon.tenant("acme").ok("sandbox.run", shell("env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' ' '"));
    assert!(!ran.to_string().contains("canary-of-the-daemon"), "{ran}");
}

#[test]
fn a_daemon_that_is_killed_leaves_no_process_behind() {
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mark = format!("{}.{}", std::process::id(), daemon.address().port());
    let mut socket = tenant.socket();
    let script = format!("touch begun; exec sleep 1000.{mark}");
    socket.send(json!({ "jsonrpc": "2.0", "id": 1, "method": "sandbox.run", "params": shell(&script) }).to_string());
    wait_for_file(&daemon, "acme", "begun");
    daemon.kill();
    wait_until("the end of the workload's processes", || processes_with(&mark) == 0);
}

/// How many processes have this in their arguments.
fn processes_with(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let of = |path: std::path::PathBuf| std::fs::read(path.join("cmdline")).unwrap_or_default();
    processes.filter(|entry| String::from_utf8_lossy(&of(entry.path())).contains(mark)).count()
}

#[test]
fn a_component_runs_workloads_where_it_is_granted_the_mode() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let wasm = crate::components::built("fixtures/runs.wasm");
    let operator = daemon.operator_for("acme");
    let refused = operator.err("components.install", crate::components::params(&wasm, json!({ "grants": [] })));
    assert_eq!((refused.name(), &refused.data["missing"]), ("FORBIDDEN", &json!(["sandbox"])), "{refused}");
    operator.done("components.install", crate::components::params(&wasm, json!({ "grants": ["sandbox:bwrap"] })));
    assert_eq!(tenant.ok("runs.echo", json!({ "text": "hello" }))["text"], "hello\n");
    let error = tenant.err("runs.echo", json!({ "text": "hello", "mode": "docker" }));
    assert_eq!(
        (error.name(), error.message.as_str()),
        ("FORBIDDEN", "sandbox:docker is not granted to this component")
    );
}
