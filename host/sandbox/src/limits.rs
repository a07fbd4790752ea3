//! What a workload may use, and how well a machine holds it to that.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What one workload may use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Memory of all its processes, with its memory file systems where a cgroup counts.
    pub memory_bytes: u64,
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// Processes and threads at one time.
    pub pids: u32,
    pub wall: Duration,
    /// Of stdout and of stderr, each.
    pub output_bytes: u64,
    /// Open files of one process.
    pub files: u32,
    /// Size of one file.
    pub file_bytes: u64,
    /// Size of `/tmp`.
    pub tmp_bytes: u64,
}

/// Size of `/dev/shm`.
pub(crate) const SHM_BYTES: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            cpu_millis: 1000,
            pids: 128,
            wall: Duration::from_secs(300),
            output_bytes: 1 << 20,
            files: 1024,
            file_bytes: 1 << 30,
            tmp_bytes: 64 << 20,
        }
    }
}

/// A limit by its name, or the binding of the workspace, which too can be held to more or less well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    Memory,
    Cpu,
    Pids,
    Wall,
    Output,
    Files,
    FileSize,
    Tmp,
    /// That what is bound is what was opened, and not what a path has become since.
    Binds,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Wall => "wall",
            Self::Output => "output",
            Self::Files => "files",
            Self::FileSize => "fileSize",
            Self::Tmp => "tmp",
            Self::Binds => "binds",
        })
    }
}

/// How well a limit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// By the kernel or by us, for the workload as a whole.
    Enforced,
    /// For each process alone, or looked at from time to time.
    Approximated,
    Unavailable,
}

/// For each limit, how well it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Support(BTreeMap<Limit, Enforcement>);

impl Support {
    /// Everything enforced, but for what `exceptions` say.
    pub(crate) fn enforced_except(exceptions: impl IntoIterator<Item = (Limit, Enforcement)>) -> Self {
        use Limit::{Binds, Cpu, FileSize, Files, Memory, Output, Pids, Tmp, Wall};
        let all = [Memory, Cpu, Pids, Wall, Output, Files, FileSize, Tmp, Binds];
        let mut support: BTreeMap<_, _> = all.into_iter().map(|limit| (limit, Enforcement::Enforced)).collect();
        support.extend(exceptions);
        Self(support)
    }

    pub fn of(&self, limit: Limit) -> Enforcement {
        self.0.get(&limit).copied().unwrap_or(Enforcement::Unavailable)
    }

    /// What `strict` refuses.
    pub fn not_enforced(&self) -> Vec<Limit> {
        self.0.iter().filter(|(_, how)| **how != Enforcement::Enforced).map(|(limit, _)| *limit).collect()
    }
}
