//! Server processes under measurement: started, waited for, stopped, their memory read.

use std::{
    fs,
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::wire::Connection;

/// Longest time until a server answers.
const START_TIME: Duration = Duration::from_secs(60);
/// Between two tries to connect: small against the starts that are measured.
const RETRY: Duration = Duration::from_micros(300);
const STOP_TIME: Duration = Duration::from_secs(40);

/// A server process; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    started: Instant,
    log: std::path::PathBuf,
}

impl Server {
    /// The release daemon with its default settings on this home.
    pub(crate) fn daemon(binary: &Path, home: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--home").arg(home).args(["--listen", &address.to_string()]);
        Self::start(command, address, &home.with_extension("daemon.log"))
    }

    /// This binary again, under another verb: a baseline.
    pub(crate) fn baseline(verb: &str, arguments: &[&str], home: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(verb).arg(home).arg(address.to_string()).args(arguments);
        Self::start(command, address, &home.with_extension("baseline.log"))
    }

    fn start(mut command: Command, address: SocketAddr, log: &Path) -> Result<Self> {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OPENCLAW_")) {
            command.env_remove(name);
        }
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, address, started, log: log.to_owned() })
    }

    /// A connection as soon as the server accepts one.
    pub(crate) fn connect(&mut self) -> Result<Connection> {
        loop {
            if let Ok(connection) = Connection::open(self.address) {
                return Ok(connection);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}: {}", self.last_words());
            }
            if self.started.elapsed() > START_TIME {
                bail!("the server did not listen in {START_TIME:?}: {}", self.last_words());
            }
            thread::sleep(RETRY);
        }
    }

    /// From exec to the answer of one call.
    pub(crate) fn first_answer(&mut self, token: &str, method: &str) -> Result<Duration> {
        self.connect()?.call(token, method, "{}").with_context(|| self.last_words())?;
        Ok(self.started.elapsed())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to end, and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > STOP_TIME {
                bail!("the server did not stop in {STOP_TIME:?}: {}", self.last_words());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Resident and proportional memory, in KiB.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()))?;
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        };
        Ok(Memory { rss: field("Rss").context("no Rss")?, pss: field("Pss").context("no Pss")? })
    }

    /// The most resident memory that it has had, in KiB.
    pub(crate) fn peak(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.context("no VmHWM")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
