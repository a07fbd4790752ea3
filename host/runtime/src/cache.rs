//! Compiled code on disk, keyed by digest, engine version and processor.
//!
//! A compiled file is native code, so it is never trusted for its place alone:
//! each begins with an HMAC under a key that only this home holds. What does
//! not verify is compiled anew and replaced.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::{Engine, component::Component};

use crate::{LoadError, digest::Digest};

const MAC_BYTES: usize = 32;

/// The directory of compiled components.
#[derive(Debug)]
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

    /// The compiled component, from disk where it is whole, else compiled now.
    pub(crate) fn compile(&self, engine: &Engine, digest: &Digest, wasm: &[u8]) -> Result<Component, LoadError> {
        let path = self.path(engine, digest);
        match self.load(engine, &path) {
            Some(component) => return Ok(component),
            None if path.exists() => tracing::warn!(%digest, "damaged entry in the code cache: compiling anew"),
            None => tracing::debug!(%digest, "compiling"),
        }
        let code = engine.precompile_component(wasm).map_err(LoadError::invalid)?;
        if let Err(error) = self.store(&path, &code) {
            tracing::warn!(%digest, %error, "the compiled component could not be kept: it is compiled again at the next start");
        }
        deserialize(engine, &code).map_err(LoadError::invalid)
    }

    fn load(&self, engine: &Engine, path: &Path) -> Option<Component> {
        let stored = fs::read(path).ok()?;
        let (mac, code) = stored.split_at_checked(MAC_BYTES)?;
        self.mac(path, code).verify_slice(mac).ok()?;
        deserialize(engine, code).ok()
    }

    fn store(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let aside = path.with_extension(format!("{}.tmp", std::process::id()));
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

    /// The compatibility hash covers wasmtime's version, its settings and the processor's features.
    fn path(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        let mut compatibility = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compatibility);
        self.directory.join(format!("{}-{:016x}.cwasm", digest.hex(), compatibility.finish()))
    }
}

#[allow(unsafe_code, reason = "wasmtime marks loading native code unsafe")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from `precompile_component` of this engine, just now or
    // under a MAC that only this home can make, and they are copied, not mapped.
    unsafe { Component::deserialize(engine, code) }
}
