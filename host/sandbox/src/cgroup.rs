//! The kernel's own limits and counters for a workload as a whole: cgroups, of either version.

mod locate;
mod read;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;

pub(crate) use locate::{Hierarchy, IO_NOT_WEIGHED};
pub(crate) use read::{Counters, of_process};

use crate::Reaper;
use crate::limits::Limits;
use crate::reaper::{Kind, Owed};

/// A cgroup of one workload: for version 1 a directory in each of some hierarchies, for version 2 one.
#[derive(Debug)]
pub(crate) struct Group {
    hierarchy: Hierarchy,
    name: String,
    /// Processes of ours in it.
    overhead: u32,
    /// What it was last given.
    limits: Option<Limits>,
    /// Each of its directories; forgotten when they are gone.
    owed: Vec<Owed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// The directories that hold a group's files; for version 2 they are one and the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directories {
    pub(crate) version: Version,
    pub(crate) memory: PathBuf,
    pub(crate) cpu: PathBuf,
    pub(crate) accounting: PathBuf,
    pub(crate) pids: PathBuf,
    /// None where nothing weighs what groups read and write.
    pub(crate) io: Option<PathBuf>,
}

impl Directories {
    pub(crate) fn join(&self, name: &str) -> Self {
        Self {
            version: self.version,
            memory: self.memory.join(name),
            cpu: self.cpu.join(name),
            accounting: self.accounting.join(name),
            pids: self.pids.join(name),
            io: self.io.as_ref().map(|io| io.join(name)),
        }
    }

    fn each(&self) -> Vec<&Path> {
        let mut all: Vec<&Path> = vec![&self.memory, &self.cpu, &self.accounting, &self.pids];
        all.extend(self.io.as_deref());
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Group {
    /// Makes the group and sets its limits; `overhead` are processes of ours in it. What was made is removed again
    /// where that fails.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    pub(crate) fn create(hierarchy: &Hierarchy, limits: &Limits, overhead: u32, reaper: &Reaper) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("openclaw-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Self { hierarchy: hierarchy.clone(), name, overhead, limits: None, owed: Vec::new() };
        let directories = group.directories();
        for directory in directories.each() {
            group.owed.push(reaper.owe(Kind::Cgroup, directory));
            fs::create_dir(directory)?;
        }
        group.limit(limits)?;
        Ok(group)
    }

    /// Sets its limits anew.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    pub(crate) fn limit(&mut self, limits: &Limits) -> io::Result<()> {
        if self.limits.as_ref() == Some(limits) {
            return Ok(());
        }
        self.limits = None;
        for (file, value) in settings(&self.directories(), limits, self.overhead) {
            // Absent where the kernel does not account for swap, or where there is none.
            let optional = file.ends_with("memory.swap.max") || file.ends_with("memory.memsw.limit_in_bytes");
            match fs::write(&file, value) {
                Err(_) if optional => {}
                other => other?,
            }
        }
        self.limits = Some(limits.clone());
        Ok(())
    }

    fn directories(&self) -> Directories {
        self.hierarchy.directories().join(&self.name)
    }

    #[cfg(test)]
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.directories().each().into_iter().map(Path::to_owned).collect()
    }

    /// From each hierarchy's root on, as the Docker Engine takes it for a parent.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/").join(self.hierarchy.below_mount()).join(&self.name)
    }

    /// A process that writes `0` to each is in the group, with all that it starts.
    pub(crate) fn entrances(&self) -> Vec<PathBuf> {
        self.directories().each().into_iter().map(|directory| directory.join("cgroup.procs")).collect()
    }

    pub(crate) fn counters(&self) -> Counters {
        read::counters(&self.directories())
    }

    /// Ends every process in it. Version 1 has no such file: there the end of the process namespace does it.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.directories().memory.join("cgroup.kill"), "1");
    }
}

/// To remove a group is tried so often, with a pause between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

impl Group {
    /// Removes it, once the kernel has done with its last process, which is a moment after that has ended. By a thread
    /// that may wait: another process that enters a group meanwhile has the kernel hold this up.
    pub(crate) async fn remove(self) {
        let mut group = self;
        for _ in 0..TRIES {
            let tried = spawn_blocking(move || {
                let gone = group.try_remove();
                (group, gone)
            });
            match tried.await {
                Ok((left, false)) => group = left,
                // Or the runtime ends, and has dropped it.
                _ => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
        group.warn();
    }

    /// The same where there is no runtime and the caller cannot wait: a thread of its own does, where one is needed.
    pub(crate) fn remove_elsewhere(mut self) {
        if !self.try_remove() {
            // Without one it is dropped.
            let _ = thread::Builder::new().name("sandbox-cgroup".to_owned()).spawn(move || self.wait_and_remove());
        }
    }

    fn wait_and_remove(mut self) {
        for _ in 0..TRIES {
            if self.try_remove() {
                return;
            }
            thread::sleep(PAUSE);
        }
        self.warn();
    }

    fn warn(&self) {
        tracing::warn!(group = self.name, "a cgroup is left until the gateway ends");
    }

    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    fn try_remove(&mut self) -> bool {
        let gone = |removed: io::Result<()>| !removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        let all = self.directories().each().into_iter().all(|directory| gone(fs::remove_dir(directory)));
        if all {
            self.owed.clear();
        }
        all
    }
}

impl Drop for Group {
    /// What cannot be removed yet is left to the reaper.
    fn drop(&mut self) {
        if !self.try_remove() {
            self.owed.drain(..).for_each(Owed::leave);
        }
    }
}

fn settings(directories: &Directories, limits: &Limits, overhead: u32) -> Vec<(PathBuf, String)> {
    const PERIOD: u64 = 100_000;
    let quota = (PERIOD * u64::from(limits.cpu_millis) / 1000).max(1000);
    let (memory, pids) = (limits.memory_bytes.to_string(), limits.pids.saturating_add(overhead).to_string());
    let in_memory = |file| directories.memory.join(file);
    let mut settings = match directories.version {
        Version::One => vec![
            // With swap it is never less than without: what is raised is raised here first, what is lowered below.
            (in_memory("memory.memsw.limit_in_bytes"), memory.clone()),
            (in_memory("memory.limit_in_bytes"), memory.clone()),
            (in_memory("memory.memsw.limit_in_bytes"), memory),
            (directories.cpu.join("cpu.cfs_period_us"), PERIOD.to_string()),
            (directories.cpu.join("cpu.cfs_quota_us"), quota.to_string()),
        ],
        Version::Two => vec![
            (in_memory("memory.max"), memory),
            (in_memory("memory.swap.max"), "0".to_owned()),
            (in_memory("memory.oom.group"), "1".to_owned()),
            (directories.cpu.join("cpu.max"), format!("{quota} {PERIOD}")),
        ],
    };
    settings.push((directories.pids.join("pids.max"), pids));
    settings
}

#[cfg(test)]
mod io_tests;
#[cfg(test)]
mod tests;
