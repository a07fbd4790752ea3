//! Who holds the state directory, as its lock file says: the pid, and what kind of process it is.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// What kind of process holds a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderKind {
    /// `openclaw serve`: it goes on until it is stopped.
    Daemon,
    /// Another command: it ends by itself.
    Command,
}

/// A process that holds a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// None where the lock file does not say.
    pub kind: Option<HolderKind>,
}

impl HolderKind {
    const ALL: [Self; 2] = [Self::Daemon, Self::Command];

    fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Command => "command",
        }
    }
}

impl Holder {
    pub(super) fn this_process(kind: HolderKind) -> Self {
        Self { pid: std::process::id(), kind: Some(kind) }
    }

    pub(super) fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(32).read_to_string(&mut text).ok()?;
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok()?;
        let named = words.next();
        Some(Self { pid, kind: HolderKind::ALL.into_iter().find(|kind| named == Some(kind.name())) })
    }

    pub(super) fn is_running(self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }
}

/// As the lock file has it.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pid)?;
        self.kind.map_or(Ok(()), |kind| write!(f, " {}", kind.name()))
    }
}

/// For people.
pub(super) fn described(holder: Option<Holder>) -> String {
    let Some(Holder { pid, kind }) = holder else { return "process".to_owned() };
    format!("{} (pid {pid})", kind.map_or("process", HolderKind::name))
}
