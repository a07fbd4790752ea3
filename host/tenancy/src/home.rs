//! The state directory (`~/.openclaw`): its lock, its paths, whose directories are in it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, StatVfs};
use rustix::io::Errno;

use crate::directory::{Directory, DirectoryError, FileKind};
use crate::{ComponentFiles, TenantDir, TenantId, TenantPath};

mod holder;
mod scratch;
mod secrets;

pub use holder::{Holder, HolderKind};
pub use scratch::Scratch;

#[cfg(test)]
mod free_tests;
#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at modes and plant damage")]
mod tests;

const TENANTS: &str = "tenants";
const LOCK: &str = "daemon.lock";

/// A gateway that was killed takes a moment to be gone, and what it was just starting has the lock until it is a
/// program of its own: so long that is waited for, where the holder still shows as running and where it does not.
const LOOKS_WHILE_RUNNING: u32 = 50;
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
const COMPONENTS: &str = "components";
const CONTROL_DB: &str = "control.db";
const AUDIT: &str = "audit.jsonl";

/// Directories every tenant has from the start.
const TENANT_TREE: &[&str] =
    &["sessions", "memory", "plugins", "sandbox/work", "cron", "channels", "agents", "devices", "nodes", "settings"];

/// The state directory, open. Clones share the handle.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
    root: Directory,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("cannot use {} as the state directory: {source}", path.display())]
    Open { path: PathBuf, source: DirectoryError },
    #[error(
        "cannot use {} as the state directory: everyone may write there",
        .0.display()
    )]
    Shared(PathBuf),
    #[error("{} is in use by another {}", path.display(), holder::described(*.holder))]
    Held { path: PathBuf, holder: Option<Holder> },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: DirectoryError },
    #[error("{} is missing, and there are tenants whose secrets it seals", .0.display())]
    KeyMissing(PathBuf),
    #[error(
        "{} is missing, and there are directories of tenants ({first} is one of {count}): \
         nobody knows their tokens and quotas without it",
        path.display()
    )]
    RegistryMissing { path: PathBuf, first: TenantId, count: usize },
    #[error("{} does not hold a token; it was left as it is", .0.display())]
    UnusableToken(PathBuf),
    #[error("{} does not hold a key of 32 bytes; it was left as it is", .0.display())]
    UnusableKey(PathBuf),
    #[error(
        "the operator's token is empty: set gateway.control_plane_token, or leave the key out to have one generated"
    )]
    EmptyToken,
    #[error("tenant {0} has no directory")]
    NoTenantDirectory(TenantId),
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Held while this process owns the state directory; the system releases it
/// whichever way the process ends.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// Opens the state directory; makes it where it is missing. Others lose
    /// their access to it: the mode becomes 0700.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let refused = |source| HomeError::Open { path: path.to_path_buf(), source };
        make_directories(path).map_err(|error| refused(error.into()))?;
        let path = std::path::absolute(path).map_err(|error| refused(error.into()))?;
        let root = Directory::open_ambient(&path).map_err(refused)?;
        let stat = rustix::fs::fstat(&root).map_err(|error| refused(error.into()))?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        if mode.contains(Mode::WOTH) {
            return Err(HomeError::Shared(path));
        }
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            rustix::fs::fchmod(&root, Mode::RWXU).map_err(|error| refused(error.into()))?;
        }
        Ok(Self { path, root })
    }

    /// Opens a state directory as it is, for looking at it; none where there is none.
    pub fn existing(path: &Path) -> Result<Option<Self>, HomeError> {
        match Directory::open_ambient(path) {
            Ok(root) => Ok(Some(Self { path: path.to_path_buf(), root })),
            Err(DirectoryError::NotFound) => Ok(None),
            Err(source) => Err(HomeError::Open { path: path.to_path_buf(), source }),
        }
    }

    /// Takes the state directory for this process, which is of this kind.
    ///
    /// # Errors
    /// `Held` with the process that has it. One that was killed is waited for.
    pub fn lock(&self, kind: HolderKind) -> Result<HomeLock, HomeError> {
        let failed = |error: DirectoryError| self.file_error(LOCK, error);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.root, LOCK, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| failed(error.into()))?;
        let mut file = File::from(handle);
        let mut looks = 0;
        while let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(failed(error.into()));
            }
            let holder = Holder::read(&mut file);
            let most = if holder.is_some_and(Holder::is_running) { LOOKS_WHILE_RUNNING } else { LOOKS };
            looks += 1;
            if looks > most {
                return Err(HomeError::Held { path: self.path.clone(), holder });
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        // At no moment is it empty or half written, for whoever looks.
        let line = format!("{}\n", Holder::this_process(kind));
        file.write_all_at(line.as_bytes(), 0)
            .and_then(|()| file.set_len(line.len() as u64))
            .map_err(|error| failed(error.into()))?;
        Ok(HomeLock { _file: file })
    }

    /// Who took the state directory last, as the lock file says: it may have ended since.
    #[must_use]
    pub fn last_holder(&self) -> Option<Holder> {
        let handle =
            rustix::fs::openat(&self.root, LOCK, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        Holder::read(&mut File::from(handle.ok()?))
    }

    /// Every id that has a directory, sorted.
    pub fn tenant_ids(&self) -> Result<Vec<TenantId>, HomeError> {
        self.directories().map_err(|source| self.file_error(TENANTS, source))
    }

    pub(crate) fn directories(&self) -> Result<Vec<TenantId>, DirectoryError> {
        let entries = match self.root.list(&fixed(TENANTS), None, usize::MAX) {
            Err(DirectoryError::NotFound) => Vec::new(),
            entries => entries?,
        };
        let directories = entries.into_iter().filter(|entry| entry.metadata.kind == FileKind::Directory);
        Ok(directories.filter_map(|entry| entry.name.parse().ok()).collect())
    }

    /// Refuses a home whose registry was lost: a new one would know none of its tenants.
    ///
    /// # Errors
    /// `RegistryMissing` where there is no `control.db` beside directories of tenants.
    pub fn refuse_lost_registry(&self) -> Result<(), HomeError> {
        let failed = |error| self.file_error(CONTROL_DB, error);
        if self.root.metadata(&fixed(CONTROL_DB)).map_err(failed)?.is_some() {
            return Ok(());
        }
        let tenants = self.tenant_ids()?;
        match tenants.first() {
            None => Ok(()),
            Some(first) => Err(HomeError::RegistryMissing {
                path: self.control_db_path(),
                first: first.clone(),
                count: tenants.len(),
            }),
        }
    }

    /// The directory of a tenant that exists.
    pub fn tenant_dir(&self, tenant: &TenantId) -> Result<TenantDir, HomeError> {
        match self.root.existing_subdirectory(&tenant_path(tenant)) {
            Ok(root) => Ok(TenantDir::new(root)),
            Err(DirectoryError::NotFound) => Err(HomeError::NoTenantDirectory(tenant.clone())),
            Err(source) => Err(self.file_error(&format!("{TENANTS}/{tenant}"), source)),
        }
    }

    /// Where a tenant's directory is, to be shown to the operator.
    #[must_use]
    pub fn tenant_path(&self, tenant: &TenantId) -> PathBuf {
        self.path.join(TENANTS).join(tenant.as_str())
    }

    /// The component files that were installed gateway-wide or for groups, in `components/`.
    pub fn components(&self) -> Result<ComponentFiles, HomeError> {
        ComponentFiles::below(&self.root, COMPONENTS).map_err(|source| self.file_error(COMPONENTS, source))
    }

    /// The directory that holds every tenant's.
    pub(crate) fn tenants(&self) -> Result<Directory, DirectoryError> {
        self.root.subdirectory(&fixed(TENANTS))
    }

    /// The directory tree of a tenant, made where it is missing.
    pub(crate) fn make_tenant_tree(tenants: &Directory, tenant: &TenantId) -> Result<(), DirectoryError> {
        let root = tenants.subdirectory(&fixed(tenant.as_str()))?;
        TENANT_TREE.iter().try_for_each(|path| root.subdirectory(&fixed(path)).map(drop))
    }

    /// The state directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle on the state directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.root
    }

    /// Bytes that may still be written where the state directory is: none where hardly a file can be made any more.
    ///
    /// # Errors
    /// Of statvfs(3).
    pub fn free_bytes(&self) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(free_bytes(&disk))
    }

    /// `control.db`
    #[must_use]
    pub fn control_db_path(&self) -> PathBuf {
        self.path.join(CONTROL_DB)
    }

    /// `control.sock`
    #[must_use]
    pub fn control_socket_path(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// `cache/`, safe to delete.
    #[must_use]
    pub fn cache_path(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// `sandbox/`: what workloads are run with; no tenant reaches it.
    #[must_use]
    pub fn sandbox_path(&self) -> PathBuf {
        self.path.join("sandbox")
    }

    /// `sandbox/image/`: the system that workloads see.
    #[must_use]
    pub fn sandbox_image_path(&self) -> PathBuf {
        self.sandbox_path().join("image")
    }

    /// `audit.jsonl`
    #[must_use]
    pub fn audit_path(&self) -> PathBuf {
        self.path.join(AUDIT)
    }

    /// `gateway.log`
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.path.join("gateway.log")
    }

    fn file_error(&self, name: &str, source: DirectoryError) -> HomeError {
        HomeError::File { path: self.path.join(name), source }
    }
}

/// A path that is part of the layout, or a checked id.
pub(crate) fn fixed(path: &str) -> TenantPath {
    path.parse().unwrap_or_else(|_| unreachable!("the layout's names are plain"))
}

pub(crate) fn tenant_path(tenant: &TenantId) -> TenantPath {
    fixed(&format!("{TENANTS}/{tenant}"))
}

/// So many files are left to others as the least free space is, but no more than a twentieth of all that fit.
const FILES_KEPT: u64 = 16_384;

fn free_bytes(disk: &StatVfs) -> u64 {
    // Some make room for files as they are made, and count none.
    let has_files = disk.f_files == 0 || disk.f_favail > FILES_KEPT.min(disk.f_files / 20);
    if has_files { disk.f_bavail.saturating_mul(disk.f_frsize) } else { 0 }
}

#[allow(clippy::disallowed_methods, reason = "a directory that the operator names")]
fn make_directories(path: &Path) -> rustix::io::Result<()> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) => {
            let parent = path.parent().ok_or(Errno::NOENT)?;
            make_directories(parent)?;
            rustix::fs::mkdir(path, Mode::RWXU)
        }
        Err(error) => Err(error),
    }
}
