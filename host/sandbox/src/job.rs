//! What the shim is told to run, in the form that `shim/job.rs` reads.

use crate::{Limits, Network, Size, Workload};

/// A job as fields. `alone`: nothing but the limits of each process keeps those of the workload as a whole.
fn fields(workload: &Workload, alone: bool) -> Vec<String> {
    let mut fields = vec![
        workload.pty.map_or("no-tty".to_owned(), |Size { columns, rows }| format!("tty={columns}x{rows}")),
        if matches!(workload.network, Network::Allowlist(_)) { "egress" } else { "no-egress" }.to_owned(),
        workload.cwd.inside(),
    ];
    let limits = resources(&workload.limits, alone);
    fields.push(limits.len().to_string());
    fields.extend(limits.iter().map(|(resource, value)| format!("{resource}={value}")));
    let environment = workload.environment();
    fields.push(environment.len().to_string());
    fields.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
    fields.push(workload.command.clone());
    fields.extend(workload.args.iter().cloned());
    fields
}

/// A job to be sent: its fields after their length.
pub(crate) fn encode(workload: &Workload, alone: bool) -> Vec<u8> {
    let fields = fields(workload, alone);
    let body: Vec<u8> = fields.iter().flat_map(|field| [field.as_bytes(), b"\0"].concat()).collect();
    let length = u32::try_from(body.len()).expect("Workload::check bounds it");
    [&length.to_le_bytes(), &body[..]].concat()
}

fn resources(limits: &Limits, alone: bool) -> Vec<(u32, u64)> {
    let mut all = vec![
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, limits.files.into()),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
    ];
    if alone {
        let cpu_seconds = (limits.wall.as_millis() as u64).saturating_mul(limits.cpu_millis.into()).div_ceil(1_000_000);
        all.push((libc::RLIMIT_AS, limits.memory_bytes));
        all.push((libc::RLIMIT_CPU, cpu_seconds.max(1)));
        // The kernel counts the processes of a user namespace, and this workload has one of its own, with its init.
        all.push((libc::RLIMIT_NPROC, u64::from(limits.pids) + 1));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_job_is_fields_after_their_length() {
        let mut workload = Workload::new("echo", ["a b", ""]);
        workload.env = vec![("A".to_owned(), "1=2".to_owned())];
        let job = encode(&workload, false);
        assert_eq!(u32::from_le_bytes(job[..4].try_into().unwrap()) as usize, job.len() - 4);
        let text = String::from_utf8(job[4..].to_vec()).unwrap();
        let fields: Vec<_> = text.split_terminator('\0').collect();
        assert_eq!(fields[..4], ["no-tty", "no-egress", "/work", "3"]);
        assert_eq!(fields[7], "3", "{fields:?}");
        assert_eq!(fields[10..], ["A=1=2", "echo", "a b", ""]);
    }

    #[test]
    fn without_a_cgroup_each_process_gets_the_limits_of_the_whole() {
        let limits = Limits { wall: Duration::from_secs(10), cpu_millis: 250, pids: 9, ..Limits::default() };
        let kept = resources(&limits, true);
        assert!(kept.contains(&(libc::RLIMIT_CPU, 3)), "{kept:?}");
        assert!(kept.contains(&(libc::RLIMIT_NPROC, 10)), "{kept:?}");
        assert!(!resources(&limits, false).contains(&(libc::RLIMIT_NPROC, 10)));
    }
}
