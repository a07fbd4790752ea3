//! Keeps processes that only have to be told what to become: the shim, each in a cgroup of its own already. Whoever
//! moves a process to a cgroup waits until every processor of the machine has taken note, which takes longer than all
//! else that a start does; and it depends on no tenant.
//!
//! They are made by one thread that lives as long as we do: the kernel sends the parent-death signal when the *thread*
//! that made a process ends, and a runtime's threads come and go.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid, waitpid};
use tokio::sync::oneshot;

use crate::cgroup::{Group, Hierarchy};
use crate::reaper::Owed;
use crate::shim::Shim;
use crate::{Error, Limits, Reaper};

/// So many are kept.
const KEPT: usize = 4;

/// What is taken is made again once nobody has asked for so long: not while the sandbox is made that it was taken for.
const CALM: Duration = Duration::from_millis(20);

/// A process that will enter its cgroup, or has, and then waits for an order (`shim/start.rs`). It ends when `control`
/// is closed.
#[derive(Debug)]
pub(super) struct Starter {
    pub(super) control: UnixStream,
    pub(super) process: Spawned,
}

/// A child of ours that somebody has to wait for, and its cgroup. Dropped before it is claimed, it is ended: by the
/// thread, where that has given it out.
#[derive(Debug)]
pub(super) struct Spawned {
    /// Of its group of processes too. Until it has been waited for the number is no other's.
    pid: Pid,
    /// None where there are none. Of the limits it has the defaults.
    group: Option<Group>,
    owed: Option<Owed>,
    /// The way to the thread. What is kept has none: the thread ends when nobody has.
    thread: Option<mpsc::Sender<Wish>>,
    claimed: bool,
}

/// How they are made.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) shim: Shim,
    /// bubblewrap.
    pub(super) program: PathBuf,
    /// Where cgroups can be made.
    pub(super) hierarchy: Option<Hierarchy>,
    pub(super) reaper: Reaper,
}

/// The thread, and what it keeps.
#[derive(Clone, Debug)]
pub(super) struct Spawner {
    wishes: mpsc::Sender<Wish>,
    kept: Arc<Mutex<Vec<Starter>>>,
}

/// What is asked of the thread.
#[derive(Debug)]
enum Wish {
    /// One, at once; and how it comes back where it is not needed after all.
    One(oneshot::Sender<io::Result<Starter>>, mpsc::Sender<Wish>),
    /// As many as are kept.
    Refill,
    /// Nobody needs this one.
    Collect(Box<Spawned>),
    /// None is needed any more; none but what is asked for is made from here on.
    Close(oneshot::Sender<()>),
}

impl Spawner {
    pub(super) fn start(origin: Origin) -> Result<Self, Error> {
        let (wishes, waiting) = mpsc::channel();
        let kept = Arc::default();
        let spawner = Self { wishes, kept };
        let kept = spawner.kept.clone();
        let thread = thread::Builder::new().name("sandbox-spawner".to_owned());
        let thread = thread.spawn(move || work(&origin, &waiting, &kept));
        thread.map(|_| spawner).map_err(Error::io("the sandbox's thread"))
    }

    /// One that is ready, or will be.
    pub(super) async fn take(&self) -> Result<Starter, Error> {
        // Where memory is short, they are the first to go. They are collected after what is waited for.
        let mut ended = Vec::new();
        while let Some(starter) = pop(&self.kept) {
            let starter = starter.given_out(&self.wishes);
            if !starter.process.has_ended() {
                let _ = self.wishes.send(Wish::Refill);
                return Ok(starter);
            }
            ended.push(starter);
        }
        let (answer, starter) = oneshot::channel();
        let gone = || Error::Io { what: "the sandbox's thread", source: io::ErrorKind::BrokenPipe.into() };
        self.wishes.send(Wish::One(answer, self.wishes.clone())).map_err(|_| gone())?;
        let _ = self.wishes.send(Wish::Refill);
        drop(ended);
        starter.await.map_err(|_| gone())?.map_err(Error::io("bubblewrap does not start"))
    }

    /// Ends those that are kept, and keeps no more.
    pub(super) async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.wishes.send(Wish::Close(answer)).is_ok() {
            let _ = closed.await;
        }
    }
}

/// Until nobody has any wishes.
fn work(origin: &Origin, wishes: &Receiver<Wish>, kept: &Mutex<Vec<Starter>>) {
    let (mut short, mut closed) = (false, false);
    loop {
        // Where none is left there is no time to lose; who waits comes first all the same.
        let calm = if count(kept) == 0 { Duration::ZERO } else { CALM };
        let wish =
            if short { wishes.recv_timeout(calm) } else { wishes.recv().map_err(|_| RecvTimeoutError::Disconnected) };
        match wish {
            Ok(Wish::One(answer, wishes)) => {
                // Where nobody wants it any more it comes back, behind those who wait.
                let _ = answer.send(origin.start().map(|starter| starter.given_out(&wishes)));
            }
            Ok(Wish::Refill) => short = !closed,
            Ok(Wish::Collect(process)) => drop(process),
            Ok(Wish::Close(answer)) => {
                (short, closed) = (false, true);
                end_all(kept);
                let _ = answer.send(());
            }
            Err(RecvTimeoutError::Timeout) => short = refill(origin, kept),
            Err(RecvTimeoutError::Disconnected) => return end_all(kept),
        }
    }
}

/// Makes one, where there is room. True: there is more.
fn refill(origin: &Origin, kept: &Mutex<Vec<Starter>>) -> bool {
    if count(kept) >= KEPT {
        return false;
    }
    match origin.start() {
        Ok(starter) => kept.lock().unwrap_or_else(PoisonError::into_inner).insert(0, starter),
        // Whoever needs one will be told.
        Err(error) => {
            tracing::debug!(%error, "no process is kept for the next sandbox");
            return false;
        }
    }
    count(kept) < KEPT
}

fn end_all(kept: &Mutex<Vec<Starter>>) {
    while let Some(starter) = pop(kept) {
        drop(starter);
    }
}

/// The oldest.
fn pop(kept: &Mutex<Vec<Starter>>) -> Option<Starter> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn count(kept: &Mutex<Vec<Starter>>) -> usize {
    kept.lock().unwrap_or_else(PoisonError::into_inner).len()
}

impl Starter {
    fn given_out(mut self, wishes: &mpsc::Sender<Wish>) -> Self {
        self.process.thread = Some(wishes.clone());
        self
    }
}

impl Spawned {
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// From here on somebody else waits for it and removes its group.
    pub(super) fn claim(mut self) -> (Option<Group>, Option<Owed>) {
        self.claimed = true;
        (self.group.take(), self.owed.take())
    }

    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid), look).is_ok_and(|status| status.is_some())
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if self.claimed {
            return;
        }
        let (pid, group, owed) = (self.pid, self.group.take(), self.owed.take());
        if let Some(thread) = self.thread.take() {
            let process = Self { pid, group, owed, thread: None, claimed: false };
            // A thread that is gone drops it, here.
            let _ = thread.send(Wish::Collect(Box::new(process)));
            return;
        }
        let _ = kill_process(pid, Signal::KILL);
        let _ = waitpid(Some(pid), WaitOptions::empty());
        if let Some(group) = group {
            group.remove_elsewhere();
        }
    }
}

impl Origin {
    fn start(&self) -> io::Result<Starter> {
        // bubblewrap itself and the namespace's init are in the group too.
        let create = |hierarchy| Group::create(hierarchy, &Limits::default(), 2, &self.reaper);
        let group = self.hierarchy.as_ref().map(create).transpose()?;
        let (control, theirs) = UnixStream::pair()?;
        let pid = self.spawn(theirs.into(), group.as_ref().map(Group::entrances).unwrap_or_default())?;
        let mut process = Spawned { pid, group, owed: None, thread: None, claimed: false };
        // Were we killed before this, it would end by itself: it has no order yet.
        process.owed = Some(self.reaper.owe_process(pid)?);
        Ok(Starter { control, process })
    }

    /// The new process leads a group of its own. Nothing is to be done in it before it is the shim: then the kernel
    /// copies none of our memory for it, while no thread of ours could have any, and each write to a page of it is no
    /// fault afterwards.
    fn spawn(&self, control: OwnedFd, entrances: Vec<PathBuf>) -> io::Result<Pid> {
        let mut command = Command::new(self.shim.path());
        command.arg("start").arg(std::process::id().to_string()).arg(&self.program).args(entrances);
        command.env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::from(control)).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Pid::from_child(&command.spawn()?))
    }
}

#[cfg(test)]
mod tests;
