//! How long and how many the words of a manifest may be: they stand in log lines,
//! metrics, spans and on terminals, and in what `rpc.discover` answers.

use super::RawManifest;

/// The most bytes of a manifest.
pub(super) const BYTES_MAX: usize = 512 << 10;

/// The most methods.
const METHODS_MAX: usize = 256;

/// The most entries of each other list.
const ENTRIES_MAX: usize = 256;

/// The most bytes of a version.
const VERSION_BYTES: usize = 64;

/// The most bytes of a name.
pub(super) const NAME_BYTES: usize = 128;

/// The most bytes of a text for people.
const TEXT_BYTES: usize = 2048;

/// Refuses what is too long, too much, or would drive a terminal.
pub(super) fn check(raw: &RawManifest) -> Result<(), String> {
    if !is_version(&raw.version) {
        let version: String = raw.version.chars().take(VERSION_BYTES).collect();
        return Err(format!("the manifest's version {version:?} is not SemVer of at most {VERSION_BYTES} bytes"));
    }
    for (list, entries, most) in [
        ("methods", raw.methods.len(), METHODS_MAX),
        ("sharedDocuments", raw.shared_documents.len(), ENTRIES_MAX),
        ("events", raw.events.len(), ENTRIES_MAX),
        ("capabilities", raw.capabilities.len(), ENTRIES_MAX),
    ] {
        if entries > most {
            return Err(format!("the manifest has {entries} {list}, more than {most}"));
        }
    }
    text("description", &raw.description)?;
    raw.methods.iter().try_for_each(|method| text("summary of a method", &method.summary))?;
    raw.capabilities.iter().try_for_each(|asked| {
        text("reason of a capability", &asked.reason)?;
        text("grant of a capability", &asked.grant)
    })?;
    raw.events.iter().try_for_each(|event| name("events", event))?;
    raw.shared_documents.iter().try_for_each(|shared| name("sharedDocuments", &shared.collection))
}

fn text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES {
        return Err(format!("the {what} has {} bytes in the manifest, more than {TEXT_BYTES}", text.len()));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("the {what} has control characters in the manifest"));
    }
    Ok(())
}

fn name(what: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "a name among the manifest's {what} is not 1 to {NAME_BYTES} bytes, or has control characters"
        ));
    }
    Ok(())
}

/// SemVer 2.0.0, of a few bytes.
fn is_version(text: &str) -> bool {
    text.len() <= VERSION_BYTES && semver::Version::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn a_version_is_semver_and_short() {
        for version in ["0.1.0", "1.0.1754000000000", "1.2.3-rc.1", "1.0.0-x-y.0+build.05", "1.0.0+a"] {
            assert!(is_version(version), "{version}");
        }
        let long = format!("1.0.0-{}", "a".repeat(64));
        for version in ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 ", "v1.0.0", &long]
        {
            assert!(!is_version(version), "{version}");
        }
    }
}
