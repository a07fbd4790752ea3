//! How much a directory holds, and whether it holds anything.
//!
//! The walk keeps two handles however deep the tree is: it goes back up by
//! `..` and makes sure by identity that it arrived where it came from.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::remove::open_as_owner;
use super::resolve::DIRECTORY;
use super::{Directory, DirectoryError, TenantPath};

/// Walks begun before a tree that is being rearranged is given up.
const ATTEMPTS: u32 = 8;

/// What a name costs besides its content: an inode, and room in its directory. An empty file and an
/// empty directory take from the disk too, and there are only so many of them.
pub const NAME_BYTES: u64 = 4096;

/// What lies beneath: bytes of names and of regular files, and names that are no directory.
#[derive(Default)]
struct Total {
    bytes: u64,
    others: u64,
}

/// A directory on the way from the root to the current one.
struct Level {
    identity: (u64, u64),
    unvisited: Vec<CString>,
}

impl Directory {
    /// The sum of what all regular files beneath take, in bytes, and [`NAME_BYTES`] for each
    /// name. Links are not followed; a file with two names counts twice.
    pub fn disk_usage(&self) -> Result<u64, DirectoryError> {
        self.total().map(|total| total.bytes)
    }

    /// How many names a write to `path` would make: its own, and those that lead to it.
    pub fn missing_names(&self, path: &TenantPath) -> Result<u64, DirectoryError> {
        let mut missing = 0;
        let mut next = Some(path.clone());
        while let Some(path) = next.filter(|path| !path.is_root()) {
            if self.metadata(&path)?.is_some() {
                break;
            }
            missing += 1;
            next = path.split_last().map(|(above, _)| above);
        }
        Ok(missing)
    }

    /// Whether anything but directories is beneath.
    pub(crate) fn holds_files(&self) -> Result<bool, DirectoryError> {
        self.total().map(|total| total.others > 0)
    }

    fn total(&self) -> Result<Total, DirectoryError> {
        for _ in 0..ATTEMPTS {
            match self.walk() {
                Err(DirectoryError::Changing) => {}
                result => return result,
            }
        }
        Err(DirectoryError::Changing)
    }

    fn walk(&self) -> Result<Total, DirectoryError> {
        let mut total = Total::default();
        let mut current = rustix::fs::openat(&*self.handle, ".", DIRECTORY, Mode::empty())?;
        let mut levels = vec![enter(&current, &mut total)?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.unvisited.pop() {
                let flags = DIRECTORY | OFlags::NOFOLLOW;
                match rustix::fs::openat(&current, &name, flags, Mode::empty()) {
                    Ok(child) => {
                        levels.push(enter(&child, &mut total)?);
                        current = child;
                    }
                    // A workload shut it, to whoever is no root; what is in it counts.
                    Err(Errno::ACCESS) => {
                        let child = open_as_owner(&current, &name)?;
                        levels.push(enter(&child, &mut total)?);
                        current = child;
                    }
                    // Gone, or no longer a directory.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            levels.pop();
            if let Some(above) = levels.last() {
                current = rustix::fs::openat(&current, "..", DIRECTORY, Mode::empty())?;
                if identity(&current)? != above.identity {
                    return Err(DirectoryError::Changing);
                }
            }
        }
        Ok(total)
    }
}

fn enter(directory: &OwnedFd, total: &mut Total) -> Result<Level, DirectoryError> {
    let mut unvisited = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat?,
        };
        total.bytes = total.bytes.saturating_add(NAME_BYTES);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => unvisited.push(name.to_owned()),
            FileType::RegularFile => {
                total.bytes = total.bytes.saturating_add(taken(&stat));
                total.others += 1;
            }
            _ => total.others += 1,
        }
    }
    Ok(Level { identity: identity(directory)?, unvisited })
}

/// What a file takes from the disk: its size, or what was set aside for it beyond that. A sparse one counts as if it were
/// full; that the last block of each is begun is in [`NAME_BYTES`].
fn taken(stat: &Stat) -> u64 {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let blocks = u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512);
    size.max(blocks.saturating_sub(NAME_BYTES - 1))
}

fn identity(directory: &OwnedFd) -> Result<(u64, u64), DirectoryError> {
    let stat = rustix::fs::fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}
