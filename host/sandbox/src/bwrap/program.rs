//! The program bubblewrap: its version, and what is known against it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::Error;

/// The version, `0.8.0` for example. A setuid bubblewrap is refused: it runs as root what a tenant asks for.
#[allow(clippy::disallowed_methods, reason = "the operator names this file")]
pub(super) fn version(program: &Path) -> Result<String, Error> {
    let unavailable = |why: String| Error::Unavailable { what: "bubblewrap", why };
    let missing = |error| unavailable(format!("{}: {error}; install the package bubblewrap", program.display()));
    let metadata = std::fs::metadata(program).map_err(missing)?;
    if metadata.mode() & 0o6000 != 0 {
        return Err(unavailable(format!("{} is setuid: take the bit away (chmod u-s)", program.display())));
    }
    let output = Command::new(program).arg("--version").env_clear().output().map_err(missing)?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .strip_prefix("bubblewrap ")
        .map(str::to_owned)
        .ok_or_else(|| unavailable(format!("it answers {text:?}")))
}

pub(super) fn notes(version: &str) -> Vec<String> {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let release: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let follows_links = release < (0, 12);
    let note = "this bubblewrap follows symbolic links below what it has bound (CVE-2026-87766, fixed in 0.12.0); \
                nothing is mounted below what a tenant writes, so that none are there";
    if follows_links { vec![format!("bubblewrap {version}: {note}")] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_release_is_told_of() {
        assert_eq!(notes("0.8.0").len(), 1);
        assert_eq!(notes("0.12.0").len(), 0);
        assert_eq!(notes("1.0").len(), 0);
    }

    #[test]
    fn a_missing_program_says_what_to_install() {
        let error = version(Path::new("/nonexistent/bwrap")).unwrap_err().to_string();
        assert!(error.contains("install the package bubblewrap"), "{error}");
    }
}
