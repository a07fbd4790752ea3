//! A bubblewrap that runs: its end, its counters, its terminal.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, pidfd_send_signal, waitpid,
};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::order::Order;
use super::spawner::Starter;
use crate::cgroup::{Counters, Group};
use crate::descriptor::watched;
use crate::processes;
use crate::reaper::Owed;
use crate::supervise::{Exit, Process};
use crate::terminal::Terminal;
use crate::{Error, Limits, Size};

#[derive(Debug)]
pub(super) struct Child {
    /// bubblewrap itself, outside of the namespaces.
    outer: AsyncFd<OwnedFd>,
    outer_pid: Pid,
    /// The first process of the namespace: when it has ended, all in it have.
    inner: Option<(u32, AsyncFd<OwnedFd>)>,
    status: Status,
    /// The shim writes there what kept it from starting the command.
    control: UnixStream,
    terminal: Option<Terminal>,
    accounting: Accounting,
    exit: Option<Exit>,
    /// Nothing of it is left but its cgroup.
    collected: bool,
    /// Until it is ready, what becomes of its processes when we die is the reaper's business.
    _owed: Option<Owed>,
}

/// How its use of memory and time is known.
#[derive(Debug)]
pub(super) enum Accounting {
    /// By the kernel.
    Group(Box<Group>),
    /// By looking: the largest sum seen is held against the limit.
    Polled { memory_limit: u64, seen: Counters },
}

/// What bubblewrap says of itself, one JSON document after another.
#[derive(Debug)]
pub(super) struct Status {
    pipe: pipe::Receiver,
    text: Vec<u8>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    child_pid: Option<u32>,
    exit_code: Option<i32>,
}

impl Child {
    /// From here on whoever gives up drops it, and so ends it.
    pub(super) fn adopt(starter: Starter, status: Status, terminal: Option<Terminal>) -> Result<Self, Error> {
        let Starter { control, process } = starter;
        let adopt = || -> io::Result<Self> {
            control.set_nonblocking(true)?;
            let outer_pid = process.pid();
            let (outer, control) = (pidfd(outer_pid)?, UnixStream::from_std(control)?);
            // Until here it is ended by its own drop.
            let (group, owed) = process.claim();
            let polled = Accounting::Polled { memory_limit: u64::MAX, seen: Counters::default() };
            let accounting = group.map_or(polled, |group| Accounting::Group(Box::new(group)));
            let (inner, exit, collected) = (None, None, false);
            Ok(Self { outer, outer_pid, inner, status, control, terminal, accounting, exit, collected, _owed: owed })
        };
        adopt().map_err(Error::io("bubblewrap's process"))
    }

    /// Once it is in its cgroup and has its limits it becomes bubblewrap. Waits until the shim is there, or bubblewrap
    /// has failed: only then does every process of the sandbox end with its parent, so that a command that is sent
    /// later is never run without us.
    pub(super) async fn become_sandbox(&mut self, order: Order, limits: &Limits) -> Result<(), Error> {
        self.entered().await.map_err(Error::io("the sandbox's first process"))?;
        self.limit(limits)?;
        order.send(&self.control).map_err(Error::io("bubblewrap does not start"))?;
        // Or their ends would never come. To close a mount is to wait for others who have some.
        drop(spawn_blocking(move || drop(order)));
        // Nothing comes where bubblewrap has failed; its end will tell.
        let _ = self.control.read_exact(&mut [0]).await;
        self.inner = self.status.child_pid().await.and_then(|pid| Some((pid, pidfd(pid_of(pid)?).ok()?)));
        Ok(())
    }

    async fn entered(&mut self) -> io::Result<()> {
        let mut said = [0; 256];
        let length = self.control.read(&mut said).await?;
        match &said[..length] {
            b"+" => Ok(()),
            why => Err(io::Error::other(String::from_utf8_lossy(why).into_owned())),
        }
    }

    /// The first process of the sandbox.
    pub(super) fn process(&self) -> Option<u32> {
        self.inner.as_ref().map(|(pid, _)| *pid)
    }

    /// Where the shim waits for the command.
    pub(super) fn control(&mut self) -> &mut UnixStream {
        &mut self.control
    }

    /// Nothing but the limits of each process limits the whole.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.accounting, Accounting::Polled { .. })
    }

    /// The limits of the workload that begins in it.
    pub(super) fn limit(&mut self, limits: &Limits) -> Result<(), Error> {
        match &mut self.accounting {
            Accounting::Group(group) => group.limit(limits).map_err(Error::io("the workload's limits")),
            Accounting::Polled { memory_limit, .. } => {
                *memory_limit = limits.memory_bytes;
                Ok(())
            }
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let mut poll = [PollFd::new(self.outer.get_ref(), PollFlags::IN)];
        rustix::event::poll(&mut poll, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    pub(super) async fn end(&mut self) {
        self.kill().await;
        let _ = self.ended().await;
    }

    /// After its end.
    pub(super) async fn clean_up(mut self) {
        let _ = self.outer.readable().await;
        let _ = waitpid(Some(self.outer_pid), WaitOptions::empty());
        self.collected = true;
        self.take_accounting().remove().await;
    }

    fn take_accounting(&mut self) -> Accounting {
        let nothing = Accounting::Polled { memory_limit: u64::MAX, seen: Counters::default() };
        std::mem::replace(&mut self.accounting, nothing)
    }

    /// What the shim said is read once only: after the last wait, which may be given up and begun again.
    async fn exit(&mut self) -> Exit {
        let code = self.status.exit_code().await;
        let mut failure = [0; 1024];
        let length = self.control.try_read(&mut failure).unwrap_or(0);
        let failure = String::from_utf8_lossy(&failure[..length]).into_owned();
        match (failure.is_empty(), code) {
            (true, Some(code)) => Exit::Status(code),
            (true, None) => Exit::NotStarted("bubblewrap could not make the sandbox; it says why on stderr".to_owned()),
            (false, _) => Exit::NotStarted(failure),
        }
    }
}

impl Process for Child {
    async fn ended(&mut self) -> Exit {
        if let Some(exit) = &self.exit {
            return exit.clone();
        }
        // bubblewrap's own end follows what it says of the command's; the kernel takes its time to undo its mounts.
        if self.status.exit_code().await.is_none() {
            let _ = self.outer.readable().await;
        }
        // Readable when the process has ended.
        if let Some((_, inner)) = &self.inner {
            let _ = inner.readable().await;
        }
        let exit = self.exit().await;
        self.exit = Some(exit.clone());
        exit
    }

    /// The inner one first: then bubblewrap collects it, and with it what it used.
    async fn kill(&mut self) {
        if let Accounting::Group(group) = &self.accounting {
            group.kill();
        }
        let victim = self.inner.as_ref().map_or(&self.outer, |(_, inner)| inner);
        let _ = pidfd_send_signal(victim.get_ref(), Signal::KILL);
    }

    async fn resize(&mut self, size: Size) {
        if let Some(terminal) = &self.terminal
            && let Err(error) = terminal.resize(size)
        {
            tracing::debug!(%error, "a terminal keeps its size");
        }
    }

    fn counters(&mut self) -> Counters {
        match (&mut self.accounting, &self.inner) {
            (Accounting::Group(group), _) => group.counters(),
            (Accounting::Polled { memory_limit, seen }, Some((pid, _))) if self.exit.is_none() => {
                let used = processes::used_by(*pid);
                seen.cpu = seen.cpu.max(used.cpu);
                seen.peak_memory_bytes = seen.peak_memory_bytes.max(used.memory_bytes);
                seen.oom_kills = u64::from(seen.peak_memory_bytes >= *memory_limit);
                *seen
            }
            (Accounting::Polled { seen, .. }, _) => *seen,
        }
    }
}

impl Drop for Child {
    /// Nobody waits for it: whoever wanted it gave up, or the runtime ends.
    fn drop(&mut self) {
        if self.collected {
            return;
        }
        for process in self.inner.iter().map(|(_, inner)| inner).chain([&self.outer]) {
            let _ = pidfd_send_signal(process.get_ref(), Signal::KILL);
        }
        // Also what bubblewrap was making: until the shim is there, it is in one group with it.
        let _ = kill_process_group(self.outer_pid, Signal::KILL);
        let (pid, accounting) = (self.outer_pid, self.take_accounting());
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _ = spawn_blocking(move || waitpid(Some(pid), WaitOptions::empty())).await;
                accounting.remove().await;
            });
        }
    }
}

impl Accounting {
    async fn remove(self) {
        if let Self::Group(group) = self {
            group.remove().await;
        }
    }
}

impl Status {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe, text: Vec::new() }
    }

    async fn child_pid(&mut self) -> Option<u32> {
        self.find(|report| report.child_pid).await
    }

    async fn exit_code(&mut self) -> Option<i32> {
        self.find(|report| report.exit_code).await
    }

    /// Reads on until a document has it, or the pipe ends.
    async fn find<T>(&mut self, of: impl Fn(&Report) -> Option<T> + Send) -> Option<T> {
        const MOST: usize = 16 << 10;
        loop {
            let documents = serde_json::Deserializer::from_slice(&self.text).into_iter::<Report>();
            if let Some(found) = documents.map_while(Result::ok).find_map(|report| of(&report)) {
                return Some(found);
            }
            let read: &mut (dyn Future<Output = io::Result<usize>> + Send + Unpin) =
                &mut Box::pin(self.pipe.read_buf(&mut self.text));
            if !matches!(read.await, Ok(1..)) || self.text.len() > MOST {
                return None;
            }
        }
    }
}

fn pid_of(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

fn pidfd(pid: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    watched(pidfd_open(pid, PidfdFlags::empty())?)
}
