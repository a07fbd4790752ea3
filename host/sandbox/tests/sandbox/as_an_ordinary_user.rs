//! Everything of `bwrap` again, without root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::world::{is_root, skip};

/// Runs tests of this binary as a user without rights; answers what they print.
pub(crate) fn run_again(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    // The binary may lie where only root comes.
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = home.path().join("tests");
    // By another process: what this one writes, the processes that other tests are making hold open.
    assert!(Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&binary).status().unwrap().success());
    const NOBODY: u32 = 65534;
    let mut command = Command::new(&binary);
    command.args(arguments).args(["--test-threads=2"]).current_dir("/").env("TMPDIR", "/tmp");
    let output = command.envs(variables.iter().copied()).uid(NOBODY).gid(NOBODY).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn the_tests_of_bwrap_pass_without_root() {
    if !is_root() {
        return skip("running again as an ordinary user: this is one already");
    }
    let text = run_again(&["bwrap::", "egress::", "escapes::", "orphans::", "pool::", "terminal::"], &[]);
    assert!(text.contains("test bwrap::probe_golden ... ok"), "{text}");
}
