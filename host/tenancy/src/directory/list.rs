//! What a directory holds, in pages.

use rustix::fs::{AtFlags, Dir, FileType, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::path::TEMPORARY;
use super::resolve::DIRECTORY;
use super::{Directory, DirectoryError, Metadata, TenantPath};

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub metadata: Metadata,
}

impl Directory {
    /// The first `limit` files and directories in `path` whose names come after
    /// `after`, sorted by the bytes of their names. What a tenant cannot name
    /// or open (no UTF-8, links that leave, FIFOs) is left out.
    pub fn list(&self, path: &TenantPath, after: Option<&str>, limit: usize) -> Result<Vec<Entry>, DirectoryError> {
        let handle = self.open_beneath(path, DIRECTORY, ResolveFlags::empty())?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&handle)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            let hidden = matches!(name, "." | "..") || name.starts_with(TEMPORARY);
            if !hidden && after.is_none_or(|after| name > after) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        let mut entries = Vec::new();
        for name in names {
            if entries.len() == limit {
                break;
            }
            if let Some(metadata) = self.entry_metadata(&handle, path, &name)? {
                entries.push(Entry { name, metadata });
            }
        }
        Ok(entries)
    }

    fn entry_metadata(
        &self,
        directory: &std::os::fd::OwnedFd,
        path: &TenantPath,
        name: &str,
    ) -> Result<Option<Metadata>, DirectoryError> {
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(Metadata::of(&stat).ok());
        }
        let Ok(target) = path.join(name) else {
            return Ok(None);
        };
        Ok(self
            .open_beneath(&target, OFlags::PATH, ResolveFlags::empty())
            .ok()
            .and_then(|handle| Metadata::of(&rustix::fs::fstat(handle).ok()?).ok()))
    }
}
