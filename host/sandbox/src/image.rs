//! The root tree: the system of read-only files that workloads of both modes see.
//!
//! It is copied from the machine's own Debian packages, so it needs no network: the files of [`PACKAGES`], of what they
//! depend on and of what the operator adds, without documentation, without setuid bits, and with an `/etc` of its own.

#![allow(
    clippy::disallowed_methods,
    reason = "the machine's packages and a directory of our own: no tenant reaches either"
)]

mod copy;
mod dpkg;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use copy::TreeWriter;
use dpkg::Database;

/// What every tree has.
pub const PACKAGES: &[&str] = &["bash", "coreutils", "dash", "grep", "libc-bin", "sed", "tar", "util-linux"];

/// A tree that was built.
#[derive(Clone, Debug)]
pub struct Tree {
    path: PathBuf,
    manifest: Manifest,
}

/// What a tree was built from; beside it, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    digest: String,
    bytes: u64,
    /// Name and version.
    packages: BTreeMap<String, String>,
    /// Files that could not be read.
    skipped: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("this is no Debian system ({0}): its packages cannot be copied")]
    NotDebian(io::Error),
    #[error("the packages {} are not installed: apt-get install {}", .0.join(", "), .0.join(" "))]
    Missing(Vec<String>),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl Tree {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 over every path with its kind, mode and content.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    pub fn bytes(&self) -> u64 {
        self.manifest.bytes
    }

    /// Names and versions of the packages in it.
    pub fn packages(&self) -> &BTreeMap<String, String> {
        &self.manifest.packages
    }

    /// The tree that was last built there.
    pub fn open(directory: &Path) -> Option<Self> {
        let manifest: Manifest = serde_json::from_slice(&fs::read(directory.join(MANIFEST)).ok()?).ok()?;
        let path = directory.join(name_of(&manifest.digest));
        path.is_dir().then_some(Self { path, manifest })
    }
}

const MANIFEST: &str = "root.json";

fn name_of(digest: &str) -> String {
    format!("root-{}", &digest[..digest.len().min(16)])
}

/// Builds the tree in `directory`, or answers the one that is there, where it has these packages in these versions.
///
/// A tree that is in use stays: another gets another name.
pub fn build(directory: &Path, extra: &[String]) -> Result<Tree, ImageError> {
    build_from(Path::new("/"), directory, extra)
}

/// The same from the system at `host`.
fn build_from(host: &Path, directory: &Path, extra: &[String]) -> Result<Tree, ImageError> {
    let database = Database::read(host).map_err(ImageError::NotDebian)?;
    let wanted: Vec<&str> = PACKAGES.iter().copied().chain(extra.iter().map(String::as_str)).collect();
    let packages = database.closure(&wanted).map_err(ImageError::Missing)?;
    let versions: BTreeMap<String, String> =
        packages.iter().map(|package| (package.name.clone(), package.version.clone())).collect();
    if let Some(tree) = Tree::open(directory)
        && tree.manifest.packages == versions
    {
        return Ok(tree);
    }

    let staging = directory.join(format!(".root-{}", std::process::id()));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ImageError::Io { path, source }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let mut writer = TreeWriter::create(host, &staging).map_err(failed(&staging))?;
    for package in &packages {
        for path in database.files(package).map_err(failed(host))? {
            writer.copy(&path)?;
        }
    }
    writer.alternatives()?;
    if versions.contains_key("ca-certificates") {
        writer.copy(Path::new("etc/ssl/certs/ca-certificates.crt"))?;
    }
    writer.skeleton()?;
    let written = writer.finish();
    let manifest =
        Manifest { digest: written.digest, bytes: written.bytes, packages: versions, skipped: written.skipped };
    install(directory, &staging, manifest).map_err(failed(directory))
}

/// Gives the tree its name, then points to it. One of the same digest is the same tree.
fn install(directory: &Path, staging: &Path, manifest: Manifest) -> io::Result<Tree> {
    let path = directory.join(name_of(&manifest.digest));
    match fs::rename(staging, &path) {
        Err(_) if path.is_dir() => fs::remove_dir_all(staging)?,
        renamed => renamed?,
    }
    let new = directory.join(format!(".{MANIFEST}-{}", std::process::id()));
    fs::write(&new, serde_json::to_vec_pretty(&manifest)?)?;
    fs::rename(new, directory.join(MANIFEST))?;
    Ok(Tree { path, manifest })
}

#[cfg(test)]
mod tests;
