//! Turning a path into a handle, by the kernel and beneath the root.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{Directory, DirectoryError, TenantPath};

/// Flags of a handle on a directory.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
pub(super) const OWNER_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
pub(super) const OWNER_DIRECTORY: Mode = Mode::RWXU;

/// How every path of a tenant is resolved.
pub(super) const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// A lookup through `..` in a link is undecided while anything on the machine
/// is being renamed; so often it is tried again.
const ATTEMPTS: u32 = 256;

impl Directory {
    /// Opens `path` beneath this directory. With `CREATE` the file gets mode
    /// 0600.
    pub(super) fn open_beneath(
        &self,
        path: &TenantPath,
        flags: OFlags,
        resolve: ResolveFlags,
    ) -> Result<OwnedFd, DirectoryError> {
        let name = if path.is_root() { "." } else { path.as_str() };
        let flags = flags | OFlags::CLOEXEC;
        let mode = if flags.contains(OFlags::CREATE) { OWNER_FILE } else { Mode::empty() };
        let resolve = resolve | BENEATH;
        for _ in 0..ATTEMPTS {
            match rustix::fs::openat2(&*self.handle, name, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
        Err(DirectoryError::Changing)
    }

    /// The directory that holds the last name of `path`, and that name, for
    /// the calls that take a handle and one name.
    pub(super) fn parent<'a>(&self, path: &'a TenantPath) -> Result<(Arc<OwnedFd>, &'a str), DirectoryError> {
        let (above, name) = path.split_last().ok_or(DirectoryError::Root)?;
        if above.is_root() {
            return Ok((Arc::clone(&self.handle), name));
        }
        let handle = self.open_beneath(&above, DIRECTORY, ResolveFlags::empty())?;
        Ok((Arc::new(handle), name))
    }

    /// As `parent`, making the directories that are missing.
    pub(super) fn parent_made<'a>(&self, path: &'a TenantPath) -> Result<(Arc<OwnedFd>, &'a str), DirectoryError> {
        match self.parent(path) {
            Err(DirectoryError::NotFound) => {
                let (above, name) = path.split_last().ok_or(DirectoryError::Root)?;
                let handle = self.directory_at(&above, ResolveFlags::empty())?;
                Ok((Arc::new(handle), name))
            }
            found => found,
        }
    }

    /// The directory at `path`, made where it is missing. Every prefix is
    /// resolved from the root, so links inside keep their meaning.
    pub(super) fn directory_at(&self, path: &TenantPath, resolve: ResolveFlags) -> Result<OwnedFd, DirectoryError> {
        match self.open_beneath(path, DIRECTORY, resolve) {
            Err(DirectoryError::NotFound) => {}
            found => return found,
        }
        let mut above = self.handle.try_clone()?;
        for prefix in path.prefixes() {
            above = match self.open_beneath(&prefix, DIRECTORY, resolve) {
                Err(DirectoryError::NotFound) => {
                    let name = prefix.split_last().map_or("", |(_, name)| name);
                    match rustix::fs::mkdirat(&above, name, OWNER_DIRECTORY) {
                        Ok(()) => self.hand_over(self.open_beneath(&prefix, DIRECTORY, resolve)?)?,
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    self.open_beneath(&prefix, DIRECTORY, resolve)?
                }
                found => found?,
            };
        }
        Ok(above)
    }
}
