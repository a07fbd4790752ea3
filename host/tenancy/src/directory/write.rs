//! Writing: whole files at once, and appending.

use std::fs::File;
use std::io::Write;

use rustix::fs::{AtFlags, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::path::TEMPORARY;
use super::resolve::OWNER_FILE;
use super::{Directory, DirectoryError, TenantPath, regular_size};

impl Directory {
    /// Replaces the whole file (mode 0600) so that a reader, or a crash at any
    /// moment, finds the old content or the new. Missing directories are made.
    /// A symbolic link of that name is replaced, not followed.
    pub fn write_atomic(&self, path: &TenantPath, bytes: &[u8]) -> Result<(), DirectoryError> {
        let (parent, name) = self.parent_made(path)?;
        let temporary = format!("{TEMPORARY}{}", random_suffix()?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*parent, &temporary, flags, OWNER_FILE)?;
        let mut file = File::from(file);
        let handed_over = self.hand_over(&file);
        let written = handed_over
            .and_then(|()| Ok(file.write_all(bytes)?))
            .and_then(|()| Ok(file.sync_all()?))
            .and_then(|()| Ok(rustix::fs::renameat(&*parent, &temporary, &*parent, name)?));
        if let Err(error) = written {
            // The first error is the one to tell.
            let _ = rustix::fs::unlinkat(&*parent, &temporary, AtFlags::empty());
            return Err(error);
        }
        Ok(rustix::fs::fsync(&*parent)?)
    }

    /// Adds to the end of a file, which is made (mode 0600) where it is
    /// missing; the answer is the new size. Concurrent appends never mix, and
    /// survive the end of this process, not a loss of power.
    pub fn append(&self, path: &TenantPath, bytes: &[u8]) -> Result<u64, DirectoryError> {
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = || self.open_beneath(path, flags, ResolveFlags::empty());
        let handle = match open() {
            Err(DirectoryError::NotFound) => {
                drop(self.parent_made(path)?);
                open()?
            }
            opened => opened?,
        };
        regular_size(&handle)?;
        self.hand_over(&handle)?;
        let mut file = File::from(handle);
        file.write_all(bytes)?;
        regular_size(&file.into())
    }

    /// Gives a file or directory a new name; a file of that name is replaced.
    /// A symbolic link is renamed itself.
    pub fn rename(&self, from: &TenantPath, to: &TenantPath) -> Result<(), DirectoryError> {
        let (old_parent, old) = self.parent(from)?;
        let (new_parent, new) = self.parent(to)?;
        match rustix::fs::renameat(&*old_parent, old, &*new_parent, new) {
            Err(Errno::EXIST) => Err(DirectoryError::NotEmpty),
            result => Ok(result?),
        }
    }
}

/// A name that nobody else has.
pub(super) fn random_suffix() -> Result<String, DirectoryError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| DirectoryError::Io(std::io::Error::other(error.to_string())))?;
    Ok(hex::encode(bytes))
}
