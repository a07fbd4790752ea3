//! Cleans up when we cannot: a child that waits for the end of its pipe.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use crate::Error;
use crate::shim::Shim;

/// A child that lives until we are gone, and then removes what we still owed.
#[derive(Clone, Debug)]
pub struct Reaper {
    /// A line is one write, which no other's breaks (pipe(7), PIPE_BUF).
    pipe: Arc<ChildStdin>,
}

/// What must not stay when we are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Cgroup,
    Mount,
    /// By its number. bubblewrap's processes are in one until the shim is there.
    ProcessGroup,
    /// A directory or a file; a directory only once it is empty.
    Directory,
}

/// Something that is removed by the reaper unless this is dropped before.
#[derive(Debug)]
pub(crate) struct Owed {
    reaper: Reaper,
    kind: Kind,
    what: OsString,
}

impl Reaper {
    /// Starts the child. `directory` is our own: the helper is written there.
    pub fn start(directory: &Path) -> Result<Self, Error> {
        let shim = Shim::install(directory)?;
        let mut child = spawn(shim.path()).map_err(Error::io("the reaper does not start"))?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe);
        Ok(Self { pipe: Arc::new(pipe.map_err(Error::io("the reaper does not start"))?) })
    }

    pub(crate) fn owe(&self, kind: Kind, what: impl Into<OsString>) -> Owed {
        let owed = Owed { reaper: self.clone(), kind, what: what.into() };
        owed.tell(b'+');
        owed
    }

    /// A process with its group. On an error there is no reaper, and the caller ends the process.
    pub(crate) fn owe_process(&self, pid: Pid) -> io::Result<Owed> {
        let (kind, what) = (Kind::ProcessGroup, pid.as_raw_pid().to_string().into());
        let owed = Owed { reaper: self.clone(), kind, what };
        owed.say(b'+').map(|()| owed)
    }
}

/// A process that another thread was just making holds a copy of the descriptor by which the helper was written, until
/// it becomes what it will be; so long the helper is busy.
fn spawn(shim: &Path) -> io::Result<Child> {
    const TRIES: u32 = 500;
    let mut command = Command::new(shim);
    command.arg("reap").env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < TRIES => {
                tries += 1;
                thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

impl Owed {
    fn say(&self, sign: u8) -> io::Result<()> {
        let kind = match self.kind {
            Kind::Cgroup => "cgroup",
            Kind::Mount => "mount",
            Kind::ProcessGroup => "group",
            Kind::Directory => "directory",
        };
        let line = [&[sign], kind.as_bytes(), b" ", self.what.as_bytes(), b"\n"].concat();
        (&*self.reaper.pipe).write_all(&line)
    }

    fn tell(&self, sign: u8) {
        if let Err(error) = self.say(sign) {
            tracing::error!(%error, "the sandbox's reaper is gone: what it knew of will stay when we are killed");
        }
    }
}

impl Owed {
    /// It stays with the reaper.
    pub(crate) fn leave(self) {
        // Our end of the pipe is kept by others, and by this for good: it is one for the whole process.
        std::mem::forget(self);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.tell(b'-');
    }
}

#[cfg(test)]
mod tests;
