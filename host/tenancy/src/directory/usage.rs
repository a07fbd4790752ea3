//! How much a directory holds and each part of it, and whether it holds anything.
//!
//! The walk keeps two handles however deep the tree is: it goes back up by
//! `..` and makes sure by identity that it arrived where it came from.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

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

/// The parts that a walk tells apart, by their paths; none lies within another.
type Parts<'a, const N: usize> = [&'a str; N];

/// What lies beneath: bytes of names and of regular files, those of each part, and names that are no directory.
struct Total<const N: usize> {
    bytes: u64,
    parts: [u64; N],
    others: u64,
}

/// A directory on the way from the root to the current one.
struct Level {
    identity: (u64, u64),
    place: Place,
    unvisited: Vec<CString>,
}

/// Where a directory is, as seen from the parts.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    /// Above one; its own path, empty for the root.
    Above(String),
    In(usize),
    Elsewhere,
}

impl Directory {
    /// The sum of what all regular files beneath take, in bytes, and [`NAME_BYTES`] for each
    /// name. Links are not followed; a file with two names counts twice.
    pub fn disk_usage(&self) -> Result<u64, DirectoryError> {
        self.total([]).map(|total| total.bytes)
    }

    /// The same, and as much for what is beneath each of `parts`, by one walk. Only a part that is not there takes
    /// nothing.
    ///
    /// # Errors
    /// `Link` or `NotDirectory` where a part, or what leads to it, is something else than a directory.
    pub(crate) fn disk_usage_by<const N: usize>(&self, parts: Parts<'_, N>) -> Result<(u64, [u64; N]), DirectoryError> {
        self.total(parts).map(|total| (total.bytes, total.parts))
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
        self.total([]).map(|total| total.others > 0)
    }

    fn total<const N: usize>(&self, parts: Parts<'_, N>) -> Result<Total<N>, DirectoryError> {
        for _ in 0..ATTEMPTS {
            match self.walk(parts) {
                Err(DirectoryError::Changing) => {}
                result => return result,
            }
        }
        Err(DirectoryError::Changing)
    }

    fn walk<const N: usize>(&self, parts: Parts<'_, N>) -> Result<Total<N>, DirectoryError> {
        let mut total = Total { bytes: 0, parts: [0; N], others: 0 };
        let mut current = rustix::fs::openat(&*self.handle, ".", DIRECTORY, Mode::empty())?;
        let mut levels = vec![total.enter(&current, Place::Above(String::new()), parts)?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.unvisited.pop() {
                let flags = DIRECTORY | OFlags::NOFOLLOW;
                let child = match rustix::fs::openat(&current, &name, flags, Mode::empty()) {
                    Ok(child) => child,
                    // A workload shut it, to whoever is no root; what is in it counts.
                    Err(Errno::ACCESS) => open_as_owner(&current, &name)?,
                    // Gone, or no longer a directory.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                    Err(error) => return Err(error.into()),
                };
                let place = level.place.below(&name, parts);
                levels.push(total.enter(&child, place, parts)?);
                current = child;
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

impl Place {
    /// The place of what has this name here.
    fn below<const N: usize>(&self, name: &CStr, parts: Parts<'_, N>) -> Self {
        let Self::Above(above) = self else { return self.clone() };
        let Ok(name) = name.to_str() else { return Self::Elsewhere };
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        if let Some(part) = parts.iter().position(|part| *part == path) {
            return Self::In(part);
        }
        if parts.iter().any(|part| Path::new(part).starts_with(&path)) { Self::Above(path) } else { Self::Elsewhere }
    }

    /// Whether what has this name here is a part, or above one.
    fn leads_to_part<const N: usize>(&self, name: &CStr, parts: Parts<'_, N>) -> bool {
        matches!(self, Self::Above(_)) && self.below(name, parts) != Self::Elsewhere
    }
}

impl<const N: usize> Total<N> {
    /// Counts the names in a directory and the files among them.
    fn enter(&mut self, directory: &OwnedFd, place: Place, parts: Parts<'_, N>) -> Result<Level, DirectoryError> {
        let (mut unvisited, mut bytes) = (Vec::new(), 0_u64);
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
            bytes = bytes.saturating_add(NAME_BYTES);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => unvisited.push(name.to_owned()),
                FileType::Symlink if place.leads_to_part(name, parts) => return Err(DirectoryError::Link),
                _ if place.leads_to_part(name, parts) => return Err(DirectoryError::NotDirectory),
                FileType::RegularFile => {
                    bytes = bytes.saturating_add(taken(&stat));
                    self.others += 1;
                }
                _ => self.others += 1,
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if let Place::In(part) = place {
            self.parts[part] = self.parts[part].saturating_add(bytes);
        }
        Ok(Level { identity: identity(directory)?, place, unvisited })
    }
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
