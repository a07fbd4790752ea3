//! The component file that a verb is given.

use std::io;
use std::path::{Path, PathBuf};

use openclaw_runtime::{Grants, Inspection, Limits, LoadError, Manifest};

use crate::error::{CliError, Kind};

/// A component file with what is known of it.
#[derive(Debug)]
pub(super) struct ComponentFile {
    pub(super) path: PathBuf,
    pub(super) wasm: Vec<u8>,
    pub(super) inspection: Inspection,
}

impl ComponentFile {
    /// Reads a file and its structure.
    #[allow(clippy::disallowed_methods, reason = "the author's own file")]
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let wasm = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let inspection = Inspection::of(&wasm).map_err(|error| refused(path, &error))?;
        Ok(Self { path: std::path::absolute(path)?, wasm, inspection })
    }

    /// What was fetched from a URL.
    pub(super) fn fetched(url: &str, wasm: Vec<u8>) -> Result<Self, CliError> {
        let path = PathBuf::from(url);
        let inspection = Inspection::of(&wasm).map_err(|error| refused(&path, &error))?;
        Ok(Self { path, wasm, inspection })
    }

    /// What it says of itself.
    pub(super) async fn manifest(&self, limits: &Limits) -> Result<Manifest, LoadError> {
        Inspection::manifest(&self.wasm, limits).await
    }

    /// Everything that it needs to be granted.
    pub(super) fn grants(&self, manifest: &Manifest) -> Vec<String> {
        let imports: Vec<String> = self.inspection.imports.iter().map(|import| import.name.clone()).collect();
        Grants::needed(&imports, manifest)
    }

    /// Why nobody could grant it what it needs, where that is so.
    pub(super) fn ungrantable(&self, grants: &[String]) -> Option<String> {
        let unnamed = grants.iter().any(|grant| grant == "methods");
        let reason = "it calls other methods and names none: each stands among its capabilities, as method:<name>";
        unnamed.then(|| reason.to_owned())
    }
}

/// A file that the author named and that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let kind = if error.kind() == io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
    CliError::new(kind, format!("{}: {error}", path.display()))
}

fn refused(path: &Path, error: &LoadError) -> CliError {
    CliError::failed(format!("{}: {error}", path.display()))
}
