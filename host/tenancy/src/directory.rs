//! Files beneath one directory handle.
//!
//! A [`TenantPath`] is resolved by the kernel (`openat2` with
//! `RESOLVE_BENEATH`), and what was opened is judged by its handle: regular
//! files and directories only. A symbolic link that stays inside is followed
//! for reading; none is followed by the last name of anything that writes.
//! All methods block.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

mod cached;
mod error;
mod list;
mod metadata;
mod path;
mod remove;
mod resolve;
mod usage;
mod write;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests plant what an attacker would")]
mod tests;

pub use error::DirectoryError;
pub use list::Entry;
pub use metadata::{FileIdentity, FileKind, Metadata};
pub use path::{PathError, TenantPath};
pub use usage::NAME_BYTES;

/// A directory, and all that may be reached from it. Clones share the handle.
#[derive(Clone)]
pub struct Directory {
    handle: Arc<OwnedFd>,
    /// Whose what is made in it will be; the gateway's own where nobody is named.
    owner: Option<u32>,
}

impl Directory {
    /// Opens a directory that the operator named.
    #[allow(clippy::disallowed_methods, reason = "a directory that the operator names")]
    pub(crate) fn open_ambient(path: &Path) -> Result<Self, DirectoryError> {
        let handle = rustix::fs::open(path, resolve::DIRECTORY, Mode::empty())?;
        Ok(Self::from_handle(handle))
    }

    fn from_handle(handle: OwnedFd) -> Self {
        Self { handle: Arc::new(handle), owner: None }
    }

    /// The same; what is made in it will be the user's of this number. Takes root.
    pub(crate) fn owned_by(mut self, user: u32) -> Self {
        self.owner = Some(user);
        self
    }

    /// Gives what was made to its owner.
    pub(crate) fn hand_over(&self, made: impl AsFd) -> Result<(), DirectoryError> {
        let Some(owner) = self.owner else { return Ok(()) };
        if rustix::fs::fstat(&made)?.st_uid != owner {
            rustix::fs::fchown(&made, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
        }
        Ok(())
    }

    /// A directory below, of the same owner.
    fn below(&self, handle: OwnedFd) -> Self {
        Self { handle: Arc::new(handle), owner: self.owner }
    }

    /// Up to `length` bytes from `offset`; fewer at the end of the file.
    pub fn read(&self, path: &TenantPath, offset: u64, length: u32) -> Result<Vec<u8>, DirectoryError> {
        let (file, size) = self.open_file(path)?;
        let wanted = size.saturating_sub(offset).min(u64::from(length));
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < bytes.len() {
            let position = offset.saturating_add(filled as u64);
            match file.read_at(&mut bytes[filled..], position) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The whole file.
    ///
    /// # Errors
    /// `TooLarge` where it has more than `max_bytes`.
    pub fn read_all(&self, path: &TenantPath, max_bytes: u64) -> Result<Vec<u8>, DirectoryError> {
        let (file, size) = self.open_file(path)?;
        let too_large = DirectoryError::TooLarge { max_bytes };
        if size > max_bytes {
            return Err(too_large);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        // It may have grown since it was measured.
        file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            return Err(too_large);
        }
        Ok(bytes)
    }

    /// What is at `path`; `None` where nothing is.
    pub fn metadata(&self, path: &TenantPath) -> Result<Option<Metadata>, DirectoryError> {
        // A single name that is no link needs no resolving.
        if let Some((above, name)) = path.split_last()
            && above.is_root()
        {
            match rustix::fs::statat(&*self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(None),
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink => {
                    return Metadata::of(&stat).map(Some);
                }
                _ => {}
            }
        }
        match self.open_beneath(path, OFlags::PATH, ResolveFlags::empty()) {
            Ok(handle) => Metadata::of(&rustix::fs::fstat(handle)?).map(Some),
            Err(DirectoryError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory and those that lead to it (mode 0700); one that is
    /// there already is left as it is.
    pub fn create_directory(&self, path: &TenantPath) -> Result<(), DirectoryError> {
        self.directory_at(path, ResolveFlags::empty()).map(drop)
    }

    /// A handle on a directory below, which is made where it is missing. No
    /// symbolic link is followed on the way.
    pub fn subdirectory(&self, path: &TenantPath) -> Result<Self, DirectoryError> {
        Ok(self.below(self.directory_at(path, ResolveFlags::NO_SYMLINKS)?))
    }

    /// A handle on a directory below that must be there.
    pub fn existing_subdirectory(&self, path: &TenantPath) -> Result<Self, DirectoryError> {
        Ok(self.below(self.open_beneath(path, resolve::DIRECTORY, ResolveFlags::NO_SYMLINKS)?))
    }

    /// Takes all access to a regular file from everyone but its owner.
    pub(crate) fn make_private(&self, path: &TenantPath) -> Result<(), DirectoryError> {
        let (file, _) = self.open_file(path)?;
        Ok(rustix::fs::fchmod(&file, resolve::OWNER_FILE)?)
    }

    /// Whether the directory has a name still: a handle outlives its removal.
    #[must_use]
    pub fn is_there(&self) -> bool {
        rustix::fs::fstat(&*self.handle).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// A descriptor of the directory, for what is handed to another process.
    pub fn to_descriptor(&self) -> Result<OwnedFd, DirectoryError> {
        Ok(self.handle.try_clone()?)
    }

    /// Makes what was renamed, made and removed directly in this directory
    /// survive a loss of power.
    pub fn sync(&self) -> Result<(), DirectoryError> {
        Ok(rustix::fs::fsync(&*self.handle)?)
    }

    /// A regular file for reading, and its size.
    fn open_file(&self, path: &TenantPath) -> Result<(File, u64), DirectoryError> {
        // NONBLOCK: opening a FIFO must not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let handle = self.open_beneath(path, flags, ResolveFlags::empty())?;
        let size = regular_size(&handle)?;
        Ok((File::from(handle), size))
    }
}

/// The size of what a handle is on, where that is a regular file.
fn regular_size(handle: &OwnedFd) -> Result<u64, DirectoryError> {
    let stat = rustix::fs::fstat(handle)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(u64::try_from(stat.st_size).unwrap_or_default()),
        FileType::Directory => Err(DirectoryError::IsDirectory),
        _ => Err(DirectoryError::NotRegular),
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}
