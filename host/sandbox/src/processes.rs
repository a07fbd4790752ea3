//! A process and its descendants, read from `/proc`, and what they use: for machines without cgroups.

use std::fs;
use std::time::Duration;

/// What a process and all below it use. Memory that two share is counted twice; what has ended counts with whoever
/// waited for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// In memory or swapped out: what is idle is moved there, and is used all the same.
    pub(crate) memory_bytes: u64,
    pub(crate) cpu: Duration,
}

pub(crate) fn used_by(process: u32) -> Use {
    let (mut memory_bytes, mut ticks) = (0, 0);
    for process in tree(process) {
        memory_bytes += memory_of(process);
        ticks += processor_ticks(process).unwrap_or(0);
    }
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Use { memory_bytes, cpu: Duration::from_millis(ticks * 1000 / per_second) }
}

/// A process and all below it.
pub(crate) fn tree(process: u32) -> Vec<u32> {
    let (mut all, mut next) = (vec![process], 0);
    while let Some(process) = all.get(next).copied() {
        all.extend(children(process));
        next += 1;
    }
    all
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
pub(crate) fn threads(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// `VmRSS` and `VmSwap` of `status`, which are in KiB.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn memory_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let figure = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let kib = rest.split_ascii_whitespace().next().filter(|_| matches!(name, "VmRSS" | "VmSwap"))?;
        kib.parse::<u64>().ok()
    };
    status.lines().filter_map(figure).sum::<u64>() << 10
}

/// Its own time and that of the children that it waited for: fields 14 to 17 of `stat`, after the name in brackets.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn processor_ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_ascii_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

/// Each thread has children of its own.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn children(process: u32) -> Vec<u32> {
    let of_thread = |thread| fs::read_to_string(format!("/proc/{process}/task/{thread}/children")).ok();
    let lists = threads(process).into_iter().filter_map(of_thread);
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_children_is_itself() {
        let own = used_by(std::process::id());
        assert!(own.memory_bytes > 1 << 20, "{own:?}");
        assert_eq!(used_by(u32::MAX), Use::default());
    }
}
