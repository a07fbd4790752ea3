//! The files of the tenant that belong to the handler's family.

use crate::bindings::openclaw::gateway::{files as raw, workspace};
use crate::{Call, Error, Result};

pub use raw::{Entry, Kind, Metadata};

/// How much one read may ask of the host, in bytes.
const READ_SIZE: u32 = 1 << 20;

/// How many names one listing may ask of the host.
const LIST_SIZE: u32 = 1000;

/// A directory of the tenant. Paths are relative to it, with `/` between names.
pub struct Directory(pub(crate) raw::Directory);

impl Call {
    /// Opens the directory of the handler's family.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn files(&self) -> Result<Directory> {
        raw::open(self).map(Directory)
    }

    /// Opens the tenant's workspace, which its sandbox sees as `/work`.
    ///
    /// # Errors
    /// FORBIDDEN when it was not granted (`directory:workspace`, with `:write` to change it).
    pub fn workspace(&self) -> Result<Directory> {
        workspace::open(self).map(Directory)
    }
}

impl Directory {
    /// A whole file; none when it is not there.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path, or larger than `limit` bytes), FORBIDDEN.
    pub fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        loop {
            let piece = match self.0.read(path, content.len() as u64, READ_SIZE) {
                Ok(piece) => piece,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            let is_last = piece.len() < READ_SIZE as usize;
            if content.is_empty() {
                content = piece;
            } else {
                content.extend_from_slice(&piece);
            }
            if content.len() > limit {
                return Err(Error::invalid(format!("{path} is larger than {limit} bytes")));
            }
            if is_last {
                return Ok(Some(content));
            }
        }
    }

    /// At most `length` bytes of a file from `offset`, in one call of the host, which gives 1 MiB at most; none when
    /// the file is not there.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), FORBIDDEN.
    pub fn read_part(&self, path: &str, offset: u64, length: u32) -> Result<Option<Vec<u8>>> {
        match self.0.read(path, offset, length) {
            Err(error) if error.is_not_found() => Ok(None),
            read => read.map(Some),
        }
    }

    /// Replaces the whole file, or makes it with the directories above it; a
    /// reader sees the old or the new one.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), FORBIDDEN, UNAVAILABLE (no room).
    pub fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        self.0.write(path, content)
    }

    /// Adds to the end of the file, which is made when missing; answers its size.
    ///
    /// # Errors
    /// As [`Directory::write`].
    pub fn append(&self, path: &str, content: &[u8]) -> Result<u64> {
        self.0.append(path, content)
    }

    /// What is at `path`; none when nothing is.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), FORBIDDEN.
    pub fn metadata(&self, path: &str) -> Result<Option<Metadata>> {
        self.0.metadata(path)
    }

    /// Everything in a directory in byte order; an empty path is this directory.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), NOT_FOUND, FORBIDDEN.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.name.clone());
            let page = self.list_page(path, after.as_deref(), LIST_SIZE)?;
            let is_last = page.len() < LIST_SIZE as usize;
            entries.extend(page);
            if is_last {
                return Ok(entries);
            }
        }
    }

    /// At most `limit` entries of a directory in byte order, in one call of the host, which gives 1,000 at most: those
    /// whose names come after `after`.
    ///
    /// # Errors
    /// As [`Directory::list`].
    pub fn list_page(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Vec<Entry>> {
        self.0.list(path, after, limit)
    }

    /// Makes a directory with those above it.
    ///
    /// # Errors
    /// As [`Directory::write`].
    pub fn create_directory(&self, path: &str) -> Result<()> {
        self.0.create_directory(path)
    }

    /// Removes a file or an empty directory; false when nothing was there.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path, a directory that is not empty), FORBIDDEN.
    pub fn remove(&self, path: &str) -> Result<bool> {
        self.0.remove(path, false)
    }

    /// Removes a file, or a directory with all that is in it.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), FORBIDDEN.
    pub fn remove_all(&self, path: &str) -> Result<bool> {
        self.0.remove(path, true)
    }

    /// Moves, replacing what is at `to`.
    ///
    /// # Errors
    /// INVALID_REQUEST (a path), NOT_FOUND, FORBIDDEN.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.rename(from, to)
    }

    /// A handle on a directory below, read-only on request.
    ///
    /// # Errors
    /// INVALID_REQUEST (the path), NOT_FOUND, FORBIDDEN.
    pub fn subdirectory(&self, path: &str, read_only: bool) -> Result<Self> {
        self.0.subdirectory(path, read_only).map(Self)
    }
}
