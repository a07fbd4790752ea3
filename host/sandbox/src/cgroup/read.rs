//! What the kernel counted for a group.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Directories, Hierarchy, Version};

/// What a group has used, and where it met its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) cpu: Duration,
    pub(crate) peak_memory_bytes: u64,
    /// Out-of-memory kills.
    pub(crate) oom_kills: u64,
    /// Forks that were refused.
    pub(crate) refused_pids: u64,
}

impl Counters {
    /// The larger of each: a counter that can no longer be read counts 0.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.max(other.cpu),
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            oom_kills: self.oom_kills.max(other.oom_kills),
            refused_pids: self.refused_pids.max(other.refused_pids),
        }
    }
}

pub(super) fn counters(directories: &Directories) -> Counters {
    let cpu = match directories.version {
        Version::One => Duration::from_nanos(whole(&directories.accounting.join("cpuacct.usage"))),
        Version::Two => Duration::from_micros(field(&directories.cpu.join("cpu.stat"), "usage_usec")),
    };
    let (peak, oom) = match directories.version {
        Version::One => ("memory.max_usage_in_bytes", "memory.oom_control"),
        Version::Two => ("memory.peak", "memory.events"),
    };
    Counters {
        cpu,
        peak_memory_bytes: whole(&directories.memory.join(peak)),
        oom_kills: field(&directories.memory.join(oom), "oom_kill"),
        refused_pids: field(&directories.pids.join("pids.events"), "max"),
    }
}

/// The groups that a process is in, whoever made them.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
pub(crate) fn of_process(hierarchy: &Hierarchy, process: u32) -> Option<Directories> {
    hierarchy.group_named_in(&fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?)
}

impl Directories {
    pub(crate) fn counters(&self) -> Counters {
        counters(self)
    }
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn whole(file: &PathBuf) -> u64 {
    fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The number after `name` at the start of a line.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
