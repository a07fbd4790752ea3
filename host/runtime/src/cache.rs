//! Compiled code on disk, keyed by digest, engine version and processor.
//!
//! A compiled file is native code, so it is never trusted for its place alone:
//! each begins with an HMAC under a key that only this home holds. What does
//! not verify is compiled anew and replaced.

mod bound;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::{Engine, component::Component};

use crate::{LoadError, digest::Digest};

const MAC_BYTES: usize = 32;

/// The directory of compiled components. It is not shown: whoever has the key can make code that is loaded.
pub struct CodeCache {
    directory: PathBuf,
    key: [u8; 32],
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files, which no tenant can reach")]
impl CodeCache {
    /// `directory` belongs to the host alone (0700); `key` is derived from the home's secret.
    #[must_use]
    pub fn new(directory: PathBuf, key: [u8; 32]) -> Self {
        Self { directory, key }
    }

    /// The compiled component, where it is on disk and whole.
    pub(crate) fn find(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(engine, digest);
        let found = self.load(engine, &path);
        match &found {
            Some(_) => touch(&path),
            None if path.exists() => {
                tracing::warn!(%digest, "damaged entry in the code cache: compiling anew");
                self.forget(engine, digest);
            }
            None => tracing::debug!(%digest, "not in the code cache"),
        }
        found
    }

    /// Keeps what was just compiled for this engine, and answers the component.
    pub(crate) fn keep(&self, engine: &Engine, digest: &Digest, code: &[u8]) -> Result<Component, LoadError> {
        let component = deserialize(engine, code).map_err(LoadError::invalid)?;
        if let Err(error) = self.store(&self.path(engine, digest), code) {
            tracing::warn!(%digest, %error, "the compiled component could not be kept: it is compiled again at the next start");
        }
        Ok(component)
    }

    /// Forgets what is of no use.
    pub(crate) fn forget(&self, engine: &Engine, digest: &Digest) {
        let _ = fs::remove_file(self.path(engine, digest));
    }

    fn load(&self, engine: &Engine, path: &Path) -> Option<Component> {
        let stored = fs::read(path).ok()?;
        let (mac, code) = stored.split_at_checked(MAC_BYTES)?;
        self.mac(path, code).verify_slice(mac).ok()?;
        deserialize(engine, code).ok()
    }

    fn store(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let aside = path.with_extension(format!("{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Relaxed)));
        let mut file = fs::File::create(&aside)?;
        file.write_all(&self.mac(path, code).finalize().into_bytes())?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(aside, path)
    }

    /// Over the file's name too, so that no entry can stand in for another.
    fn mac(&self, path: &Path, code: &[u8]) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).unwrap_or_else(|_| unreachable!());
        mac.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(code);
        mac
    }

    fn path(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{}{}", digest.hex(), Self::suffix(engine)))
    }

    /// How the names of an engine's files end. The compatibility hash covers wasmtime's version, its settings and the
    /// processor's features.
    fn suffix(engine: &Engine) -> String {
        let mut compatibility = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compatibility);
        format!("-{:016x}.cwasm", compatibility.finish())
    }
}

/// Writes down that an entry was used: access times are often not kept.
#[allow(clippy::disallowed_methods, reason = "the gateway's own files, which no tenant can reach")]
fn touch(path: &Path) {
    let touched = fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(path = %path.display(), %error, "an entry of the code cache keeps its age");
    }
}

#[allow(unsafe_code, reason = "wasmtime marks loading native code unsafe")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from `precompile_component` of this engine, just now or
    // under a MAC that only this home can make, and they are copied, not mapped.
    unsafe { Component::deserialize(engine, code) }
}

#[cfg(test)]
mod tests;
