//! Where groups can be made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Directories, Version};

/// The group around those of all workloads.
const WORKLOADS: &str = "openclaw-workloads";

/// What groups have, of version 2, where it is allowed around them.
const CONTROLLERS: &str = "+memory +cpu +pids";

/// For the operator, where it is so.
pub(crate) const IO_NOT_WEIGHED: &str =
    "nothing weighs io here: what workloads read and write has the weight of what the gateway does";

/// The leaf that the gateway moves to, where groups with others below may have no processes.
const DAEMON: &str = "openclaw-daemon";

/// Where the groups of workloads are made: below the hierarchies' roots where we are root, else below our own group,
/// where that was delegated to us; in both in one group around them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// The roots of the mounted hierarchies.
    mounted: Directories,
    parent: Directories,
    /// What workloads read and write stands back too.
    weighs_io: bool,
}

impl Hierarchy {
    /// None where this machine or our rights allow no groups.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    pub(crate) fn find() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        // We may have moved into a group of our own already.
        let own = own.trim_end().trim_end_matches(DAEMON).trim_end_matches('/');
        let root = rustix::process::geteuid().is_root();
        let mut hierarchy = Self::parse(&mounts, own, root)?;
        hierarchy.parent.io.take_if(|io| !is_writable(io));
        match hierarchy.parent.version {
            Version::One => hierarchy.is_writable().then_some(())?,
            Version::Two => hierarchy.delegate(root).ok()?,
        }
        hierarchy.enclose(memory_of_the_machine()).ok()?;
        Some(hierarchy)
    }

    /// Makes the group around all workloads: together they stand back behind what else the machine does, and leave it
    /// a quarter of its memory. What one of them may take, and how many there are, is limited elsewhere.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    fn enclose(&mut self, memory: Option<u64>) -> io::Result<()> {
        let around = self.parent.join(WORKLOADS);
        for directory in around.each() {
            // Another gateway may have made it.
            let present =
                |error: io::Error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) };
            fs::create_dir(directory).or_else(present)?;
        }
        match around.version {
            // Else a group's memory would not count for the one around it; newer kernels know no other way.
            Version::One => drop(fs::write(around.memory.join("memory.use_hierarchy"), "1")),
            Version::Two => fs::write(around.memory.join("cgroup.subtree_control"), CONTROLLERS)?,
        }
        for (file, value) in settings_of_all(&around, memory) {
            if let Err(error) = fs::write(&file, value) {
                tracing::warn!(%error, file = %file.display(), "workloads are not held back together");
            }
        }
        // Which of them there is depends on the scheduler of the disk, if any is.
        let weights = weights_of_io(&around);
        self.weighs_io = weights.into_iter().filter(|(file, value)| fs::write(file, value).is_ok()).count() > 0;
        self.parent = around;
        Ok(())
    }

    /// Where the parent is, from the roots on.
    pub(super) fn below_mount(&self) -> &Path {
        self.parent.memory.strip_prefix(&self.mounted.memory).unwrap_or(Path::new(""))
    }

    /// To read from only: any user can.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    pub(crate) fn mounted() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/mountinfo").ok()?, "", true)
    }

    pub(super) fn parse(mounts: &str, own: &str, root: bool) -> Option<Self> {
        let mounted = version_one(mounts).or_else(|| version_two(mounts))?;
        let mut hierarchy = Self { parent: mounted.clone(), mounted, weighs_io: false };
        if !root {
            hierarchy.parent = hierarchy.group_named_in(own)?;
        }
        Some(hierarchy)
    }

    pub(crate) fn weighs_io(&self) -> bool {
        self.weighs_io
    }

    pub(super) fn directories(&self) -> &Directories {
        &self.parent
    }

    /// The directories of a group, from the lines of `/proc/PID/cgroup`.
    pub(super) fn group_named_in(&self, lines: &str) -> Option<Directories> {
        let path = |controller: &str| {
            let path = lines.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers.split(',').any(|name| name == controller).then_some(path)
            })?;
            Some(path.trim_start_matches('/').to_owned())
        };
        let Directories { version, memory, cpu, accounting, pids, io } = &self.mounted;
        match version {
            Version::One => Some(Directories {
                version: Version::One,
                memory: memory.join(path("memory")?),
                cpu: cpu.join(path("cpu")?),
                accounting: accounting.join(path("cpuacct")?),
                pids: pids.join(path("pids")?),
                io: io.as_ref().zip(path("blkio")).map(|(io, path)| io.join(path)),
            }),
            // Its line has no controllers: `0::/path`.
            Version::Two => Some(self.mounted.join(&path("")?)),
        }
    }

    fn is_writable(&self) -> bool {
        self.parent.each().into_iter().all(is_writable)
    }

    /// Version 2 allows limits only below groups without processes: ours moves to a leaf. What else runs in our group
    /// is not ours to move.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    fn delegate(&self, root: bool) -> io::Result<()> {
        let parent = &self.parent.memory;
        if !root {
            let own = std::process::id().to_string();
            let processes = fs::read_to_string(parent.join("cgroup.procs"))?;
            if processes.lines().any(|process| process != own) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let leaf = parent.join(DAEMON);
            fs::create_dir(&leaf).or_else(|error| if leaf.is_dir() { Ok(()) } else { Err(error) })?;
            fs::write(leaf.join("cgroup.procs"), "0")?;
        }
        fs::write(parent.join("cgroup.subtree_control"), CONTROLLERS)?;
        // Not everywhere.
        let _ = fs::write(parent.join("cgroup.subtree_control"), "+io");
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn is_writable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok()
}

/// A tenth of the weight that others have, and three quarters of the machine's memory.
pub(super) fn settings_of_all(around: &Directories, memory: Option<u64>) -> Vec<(PathBuf, String)> {
    let (weight, limit) = match around.version {
        Version::One => (("cpu.shares", "102"), "memory.limit_in_bytes"),
        Version::Two => (("cpu.weight", "10"), "memory.max"),
    };
    let weight = (around.cpu.join(weight.0), weight.1.to_owned());
    let memory = memory.map(|bytes| (around.memory.join(limit), (bytes / 4 * 3).to_string()));
    std::iter::once(weight).chain(memory).collect()
}

/// A tenth of the weight that others have, by each scheduler of disks that knows weights.
pub(super) fn weights_of_io(around: &Directories) -> Vec<(PathBuf, &'static str)> {
    let weights = match around.version {
        Version::One => [("blkio.weight", "50"), ("blkio.bfq.weight", "10")],
        Version::Two => [("io.weight", "default 10"), ("io.bfq.weight", "10")],
    };
    let io = around.io.as_ref();
    io.map(|io| weights.map(|(file, value)| (io.join(file), value)).into()).unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn memory_of_the_machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The mount point and the type's options of each line: `… MOUNTPOINT OPTIONS … - TYPE SOURCE SUPEROPTIONS`.
fn mounts_of<'a>(mounts: &'a str, kind: &'a str) -> impl Iterator<Item = (PathBuf, &'a str)> {
    mounts.lines().filter_map(move |line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let (this_kind, _, options) = (after.next()?, after.next()?, after.next()?);
        (this_kind == kind).then_some((PathBuf::from(before.split(' ').nth(4)?), options))
    })
}

fn version_one(mounts: &str) -> Option<Directories> {
    let of = |controller: &str| {
        let mut all = mounts_of(mounts, "cgroup");
        all.find(|(_, options)| options.split(',').any(|option| option == controller)).map(|(point, _)| point)
    };
    Some(Directories {
        version: Version::One,
        memory: of("memory")?,
        cpu: of("cpu")?,
        accounting: of("cpuacct")?,
        pids: of("pids")?,
        io: of("blkio"),
    })
}

fn version_two(mounts: &str) -> Option<Directories> {
    let (point, _) = mounts_of(mounts, "cgroup2").next()?;
    let (cpu, accounting, pids, io) = (point.clone(), point.clone(), point.clone(), Some(point.clone()));
    Some(Directories { version: Version::Two, memory: point, cpu, accounting, pids, io })
}
