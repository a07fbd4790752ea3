//! Whether others can read what is the operator's alone.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::finding::Finding;
use crate::settings::MAKES_HOME;

const DIRECTORY: u32 = 0o700;
const FILE: u32 = 0o600;

/// What must be private even if the directory were not, where it exists.
const PRIVATE: [&str; 5] = ["control-plane.token", "secret.key", "control.db", "control.sock", "audit.jsonl"];

/// The state directory and its files.
pub(super) fn check(home: &Path, fix: bool) -> Vec<Finding> {
    let mut findings = match mode(home, DIRECTORY, fix) {
        Ok(None) => {
            return vec![Finding::fail("home", format!("{} does not exist", home.display()), MAKES_HOME)];
        }
        outcome => vec![finding("home", home, DIRECTORY, outcome)],
    };
    let outcomes: Vec<_> =
        PRIVATE.iter().map(|name| home.join(name)).map(|path| (mode(&path, FILE, fix), path)).collect();
    let sound = |outcome: &io::Result<Option<Mode>>| matches!(outcome, Ok(None | Some(Mode::Private)));
    if outcomes.iter().all(|(outcome, _)| sound(outcome)) {
        findings.push(Finding::ok("modes", "keys, tokens and databases are private"));
        return findings;
    }
    let loose = outcomes.into_iter().filter(|(outcome, _)| !sound(outcome));
    findings.extend(loose.map(|(outcome, path)| finding("modes", &path, FILE, outcome)));
    findings
}

enum Mode {
    Private,
    Mended(u32),
    Loose(u32),
}

/// `None` where there is no such file.
#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
fn mode(path: &Path, wanted: u32, fix: bool) -> io::Result<Option<Mode>> {
    // Not through a link: its target may be anybody's.
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mode = metadata.mode() & 0o777;
    if metadata.is_symlink() || mode & !wanted == 0 {
        return Ok(Some(Mode::Private));
    }
    if !fix {
        return Ok(Some(Mode::Loose(mode)));
    }
    fs::set_permissions(path, Permissions::from_mode(wanted))?;
    Ok(Some(Mode::Mended(mode)))
}

fn finding(check: &'static str, path: &Path, wanted: u32, outcome: io::Result<Option<Mode>>) -> Finding {
    let path = path.display();
    match outcome {
        Ok(None) => Finding::ok(check, format!("{path} does not exist")),
        Ok(Some(Mode::Private)) => Finding::ok(check, format!("{path} is private")),
        Ok(Some(Mode::Mended(mode))) => Finding::ok(check, format!("{path} had the mode {mode:04o}, now {wanted:04o}")),
        Ok(Some(Mode::Loose(mode))) => Finding::fail(
            check,
            format!("{path} has the mode {mode:04o}: others can get at it"),
            format!("chmod {wanted:04o} {path}, or `openclaw doctor --fix`"),
        ),
        Err(error) => Finding::fail(check, format!("{path}: {error}"), "the gateway must own its state directory"),
    }
}

#[cfg(test)]
mod tests;
