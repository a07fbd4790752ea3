//! One running daemon, killed when dropped; its output is shown when a test fails.

mod log;

use std::{
    fmt, fs,
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use log::Log;

use crate::{Client, Home, PATIENCE, Request, Response, Tenant, cli, program, wait_until};

/// A daemon on a home of its own.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    log: Log,
    operator: String,
    home: Home,
}

/// A start that ended before the gateway listened.
#[derive(Debug)]
pub struct Failed {
    /// The exit code, where it was not a signal.
    pub code: Option<i32>,
    /// Everything that was written.
    pub log: String,
    /// The home, as it was left.
    pub home: Home,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n{}", self.code, self.log)
    }
}

impl Daemon {
    /// A daemon with the default configuration.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on(Home::warm()).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
    }

    /// A daemon with this `config.yaml`.
    #[must_use]
    pub fn start_with(config: &str) -> Self {
        Self::start_on(Home::with_config(config)).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
    }

    /// A daemon on this home.
    pub fn start_on(home: Home) -> Result<Self, Box<Failed>> {
        Self::start_as(home, |command| command.args(["--listen", "127.0.0.1:0"]))
    }

    /// A daemon with the arguments and environment that `change` adds to `serve --home`.
    pub fn start_as(home: Home, change: impl FnOnce(&mut Command) -> &mut Command) -> Result<Self, Box<Failed>> {
        let mut command = Command::new(program());
        cli::clean(&mut command);
        command.args(["serve", "--home"]).arg(home.path());
        // The gateway believes its own components, since here all they answer is validated.
        command.env("OPENCLAW_COMPONENTS_VALIDATE_RESULTS", "all");
        change(&mut command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the daemon is started");
        let log = Log::default();
        log.read(child.stdout.take());
        log.read(child.stderr.take());
        let Some(address) = log.listening() else {
            let code = wait(&mut child).code();
            log.to_end();
            return Err(Box::new(Failed { code, log: log.text(), home }));
        };
        let operator =
            fs::read_to_string(home.path().join("control-plane.token")).unwrap_or_default().trim().to_owned();
        Ok(Self { child, address, log, operator, home })
    }

    /// Ends it by SIGTERM, where it still runs, and starts one again on the same home.
    #[must_use]
    pub fn restarted(mut self) -> Self {
        if self.is_running() {
            self.terminate();
        }
        Self::start_on(self.into_home()).unwrap_or_else(|failed| panic!("the daemon did not start again: {failed}"))
    }

    /// Kills it and gives up its home.
    #[must_use]
    pub fn into_home(mut self) -> Home {
        self.kill();
        std::mem::replace(&mut self.home, Home::empty())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The home it runs on.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it has written `text`.
    pub fn wait_for_log(&self, text: &str) {
        assert!(
            self.log.wait_for(|written| written.contains(text)),
            "nothing like {text:?} was logged:\n{}",
            self.log()
        );
    }

    /// Waits until a call runs, as `/metrics` tells.
    pub fn wait_for_a_call(&self) {
        wait_until("a call", || self.calls_in_flight() > 0);
    }

    /// How many calls run, as `/metrics` tells.
    #[must_use]
    pub fn calls_in_flight(&self) -> u64 {
        let metrics = self.send(&Request::get("/metrics").token(&self.operator)).text();
        let figure = metrics.lines().find_map(|line| line.strip_prefix("openclaw_calls_in_flight "));
        figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no such figure:\n{metrics}"))
    }

    /// How much memory it has (`VmRSS`), or has had at the most (`VmHWM`), in KiB.
    #[must_use]
    pub fn memory_kib(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {figure}:\n{status}"))
    }

    /// The operator's token.
    #[must_use]
    pub fn operator_token(&self) -> &str {
        &self.operator
    }

    /// A client with the operator's token.
    #[must_use]
    pub fn operator(&self) -> Client {
        Client::new(self.address, &self.operator)
    }

    /// A client of the operator that acts for a tenant.
    #[must_use]
    pub fn operator_for(&self, tenant: &str) -> Client {
        self.operator().with_header("X-OpenClaw-Tenant", tenant)
    }

    /// A client with any token.
    #[must_use]
    pub fn client(&self, token: &str) -> Client {
        Client::new(self.address, token)
    }

    /// Makes a tenant.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Tenant {
        self.tenant_with(json!({ "tenantId": id }))
    }

    /// Makes a tenant with these parameters of `tenants.create`.
    #[must_use]
    pub fn tenant_with(&self, params: Value) -> Tenant {
        let created = self.operator().ok("tenants.create", params);
        let text =
            |name: &str| created[name].as_str().map(str::to_owned).unwrap_or_else(|| panic!("{name} in {created}"));
        Tenant::new(text("tenantId"), self.client(&text("token")))
    }

    /// Sends one request on a connection of its own.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        request.send(self.address).unwrap_or_else(|error| panic!("{request:?}: {error}\n{}", self.log()))
    }

    /// `GET path` without a token.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path))
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, and its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the signal is sent");
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("--- the daemon wrote:\n{}\n", self.log()).as_bytes(),
            );
        }
    }
}

/// Waits for a child, which is killed when it takes longer than anything should.
fn wait(child: &mut Child) -> ExitStatus {
    let patience = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().expect("the child can be waited for") {
            Some(status) => return status,
            None if Instant::now() > patience => {
                let _ = child.kill();
                panic!("the process did not end");
            }
            // A child cannot be waited for with a limit; this only paces the questions.
            None => thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
}
