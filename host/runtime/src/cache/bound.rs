//! How much compiled code is kept.

use std::{fs, path::PathBuf, time::SystemTime};

use wasmtime::Engine;

use super::CodeCache;
use crate::digest::Digest;

struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files, which no tenant can reach")]
impl CodeCache {
    /// Removes what this engine does not take: another release's, another processor's, and what was never whole.
    pub(crate) fn sweep(&self, engine: &Engine) {
        let ours = Self::suffix(engine);
        for entry in self.entries() {
            if !name(&entry).ends_with(&ours) {
                remove(&entry);
            }
        }
    }

    /// Removes what was not used for the longest time, until the rest has at most so many bytes. What is `in_use`
    /// stays.
    pub(crate) fn trim(&self, most: u64, in_use: &[Digest]) {
        let mut entries = self.entries();
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        entries.sort_by_key(|entry| entry.used);
        for entry in entries {
            if bytes <= most {
                return;
            }
            if !in_use.iter().any(|digest| name(&entry).starts_with(&digest.hex())) {
                remove(&entry);
                bytes -= entry.bytes;
            }
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        files
            .filter_map(|file| {
                let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
                Some(Entry { path: file.path(), bytes: metadata.len(), used: metadata.modified().ok()? })
            })
            .collect()
    }
}

fn name(entry: &Entry) -> &str {
    entry.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files, which no tenant can reach")]
fn remove(entry: &Entry) {
    match fs::remove_file(&entry.path) {
        Ok(()) => tracing::debug!(path = %entry.path.display(), "an entry left the code cache"),
        Err(error) => tracing::warn!(path = %entry.path.display(), %error, "an entry of the code cache stays"),
    }
}
