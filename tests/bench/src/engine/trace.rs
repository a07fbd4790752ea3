//! Counting another process's memory system calls with strace.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Calls of one stretch of work.
#[derive(Debug)]
pub(super) struct MemoryCalls {
    pub(super) total: u64,
    pub(super) by_name: BTreeMap<String, u64>,
}

/// None where strace is not there, or may not look.
pub(super) fn memory_calls(pid: u32, work: impl FnOnce() -> Result<()>) -> Result<Option<MemoryCalls>> {
    let started = Command::new("strace")
        .args(["-f", "-c", "-e", "trace=%memory", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut strace) = started else { return Ok(None) };
    let mut lines = BufReader::new(strace.stderr.take().context("no stderr")?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    if !first.contains("attached") {
        strace.wait()?;
        return Ok(None);
    }
    work()?;
    if let Some(strace) = i32::try_from(strace.id()).ok().and_then(Pid::from_raw) {
        kill_process(strace, Signal::INT)?;
    }
    let mut summary = String::new();
    lines.read_to_string(&mut summary)?;
    strace.wait()?;
    Ok(Some(parse(&summary)))
}

/// Lines of `% time, seconds, usecs/call, calls, (errors,) syscall`.
fn parse(summary: &str) -> MemoryCalls {
    let rows = summary.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.last()?;
        words.first()?.parse::<f64>().ok()?;
        Some((name.to_owned(), words.get(3)?.parse().ok()?))
    });
    let by_name: BTreeMap<String, u64> = rows.filter(|(name, _)| name != "total").collect();
    MemoryCalls { total: by_name.values().sum(), by_name }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_summary_is_read_by_name() {
        let summary = "strace: Process 7 detached\n\
            % time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n \
            60.00    0.000120           3        40           madvise\n \
            40.00    0.000080           8        10         2 mprotect\n\
            100.00    0.000200           4        50         2 total\n";
        let calls = super::parse(summary);
        assert_eq!(calls.total, 50);
        assert_eq!(calls.by_name["mprotect"], 10);
    }
}
