//! What the machine gives: time, disk, limits.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;

use super::finding::Finding;

/// Before this was written (2026-01-01T00:00:00Z), in seconds since 1970: surely wrong.
const EARLIEST: u64 = 1_767_225_600;
/// Clocks of file systems over a network differ a little.
const SKEW: Duration = Duration::from_secs(300);

const GIB: u64 = 1 << 30;
const DISK_LOW: u64 = GIB;
const DISK_FULL: u64 = GIB / 10;

/// One busy tenant keeps a handful of files open.
const OPEN_FILES: u64 = 4096;
/// The kernel's own default; about four maps are used for an instance that runs.
const MEMORY_MAPS: u64 = 65_530;

#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
pub(super) fn clock(home: &Path) -> Finding {
    const ADVICE: &str = "set the clock: quotas, reports and tokens go by it";
    let now = SystemTime::now();
    if now < SystemTime::UNIX_EPOCH + Duration::from_secs(EARLIEST) {
        return Finding::fail("clock", "the clock stands before 2026", ADVICE);
    }
    let written = ["control.db", "audit.jsonl", "gateway.log"].map(|name| home.join(name));
    let newest = written.iter().filter_map(|path| fs::metadata(path).ok()?.modified().ok()).max();
    match newest {
        Some(newest) if newest > now + SKEW => {
            Finding::fail("clock", "the clock stands before the last write of the gateway", ADVICE)
        }
        _ => Finding::ok("clock", "plausible"),
    }
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
pub(super) fn disk(home: &Path) -> Finding {
    let existing = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let free = match statvfs(existing) {
        Ok(stat) => stat.blocks_available() * stat.fragment_size(),
        Err(error) => {
            return Finding::warn("disk", format!("{}: {error}", existing.display()), "look at the file system");
        }
    };
    let message = format!("{}.{} GiB free", free / GIB, free % GIB * 10 / GIB);
    match free {
        free if free < DISK_FULL => Finding::fail("disk", message, "make room: writes are about to fail"),
        free if free < DISK_LOW => Finding::warn("disk", message, "make room soon"),
        _ => Finding::ok("disk", message),
    }
}

pub(super) fn open_files() -> Finding {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        // The daemon raises its own limit to the hard one.
        Ok((_, hard)) if hard < OPEN_FILES => Finding::warn(
            "open files",
            format!("at most {hard}"),
            format!("raise the hard limit (ulimit -Hn) to {OPEN_FILES} or more"),
        ),
        Ok((_, hard)) => Finding::ok("open files", format!("up to {hard}")),
        Err(error) => Finding::warn("open files", error.to_string(), "the limit cannot be read"),
    }
}

#[allow(clippy::disallowed_methods, reason = "a file of the kernel")]
pub(super) fn memory_maps() -> Finding {
    let path = "/proc/sys/vm/max_map_count";
    let limit = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    match limit {
        Some(limit) if limit < MEMORY_MAPS => Finding::warn(
            "memory maps",
            format!("vm.max_map_count is {limit}"),
            format!("sysctl vm.max_map_count={MEMORY_MAPS}"),
        ),
        Some(limit) => Finding::ok("memory maps", format!("vm.max_map_count is {limit}")),
        None => Finding::warn("memory maps", format!("{path} cannot be read"), "mount /proc"),
    }
}
