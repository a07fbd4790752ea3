//! Cleans up after a process that died: whatever way it died, the pipe to us closes.
//!
//! Lines: `+cgroup PATH`, `+mount PATH`, `+directory PATH`, `+group NUMBER` to remember, the same with `-` to forget.
//! Removing goes backwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::{mount, system};

pub fn run() -> ExitCode {
    // What ends our parent's terminal or group is not to end us.
    let _ = system::new_session();
    let mut owed: Vec<(String, PathBuf)> = Vec::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        let Some((kind, path)) = line.get(1..).and_then(|entry| entry.split_once(' ')) else { continue };
        let entry = (kind.to_owned(), PathBuf::from(path));
        if line.starts_with('+') {
            owed.push(entry);
        } else {
            owed.retain(|known| *known != entry);
        }
    }
    for (kind, path) in owed.iter().rev() {
        match kind.as_str() {
            "cgroup" => remove_cgroup(path),
            "group" => path.to_str().and_then(|number| number.parse().ok()).map_or((), system::kill_group),
            "mount" => drop(mount::unmount(path)),
            _ => drop(fs::remove_dir(path).or_else(|_| fs::remove_file(path))),
        }
    }
    ExitCode::SUCCESS
}

/// Kills what is in it until it can be removed; what forks meanwhile is in it too.
fn remove_cgroup(path: &Path) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while let Err(error) = fs::remove_dir(path) {
        if error.kind() == io::ErrorKind::NotFound || Instant::now() > give_up {
            return;
        }
        let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        processes.lines().filter_map(|process| process.parse().ok()).for_each(system::kill_process);
        thread::sleep(Duration::from_millis(5));
    }
}
