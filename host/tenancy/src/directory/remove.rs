//! Removing a name, or a whole tree of any depth with a bounded number of
//! handles.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::path::TEMPORARY;
use super::resolve::{DIRECTORY, OWNER_DIRECTORY};
use super::write::random_suffix;
use super::{Directory, DirectoryError, TenantPath};

/// Levels descended into; what lies deeper is first moved up.
const LEVELS: usize = 32;

impl Directory {
    /// Removes a file, a link (never what it points to) or a directory, with
    /// `recursive` one that is not empty.
    pub fn remove(&self, path: &TenantPath, recursive: bool) -> Result<(), DirectoryError> {
        let (parent, name) = self.parent(path)?;
        match rustix::fs::unlinkat(&*parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {}
            result => return Ok(result?),
        }
        if recursive {
            remove_tree(&parent, name)
        } else {
            Ok(rustix::fs::unlinkat(&*parent, name, AtFlags::REMOVEDIR)?)
        }
    }
}

fn remove_tree(parent: &OwnedFd, name: &str) -> Result<(), DirectoryError> {
    let name = std::ffi::CString::new(name).map_err(|error| DirectoryError::Io(error.into()))?;
    let top = open_as_owner(parent, &name)?;
    // A pass may leave what was moved up, or what somebody just added.
    loop {
        empty(&top, &top, 0)?;
        match rustix::fs::unlinkat(parent, &name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY) => {}
            result => return Ok(result?),
        }
    }
}

fn empty(directory: &OwnedFd, top: &OwnedFd, level: usize) -> Result<(), DirectoryError> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        if level == LEVELS {
            let moved = format!("{TEMPORARY}{}", random_suffix()?);
            rustix::fs::renameat(directory, name, top, moved)?;
            continue;
        }
        let child = open_as_owner(directory, name)?;
        empty(&child, top, level + 1)?;
        match rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR) {
            // Not empty: somebody added to it; the next pass sees it.
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A handle on a directory, made readable and writable for its owner first
/// where it is not.
#[allow(clippy::disallowed_methods, reason = "by the handle's own name in /proc")]
pub(super) fn open_as_owner(parent: &impl AsFd, name: &std::ffi::CStr) -> Result<OwnedFd, DirectoryError> {
    let place = rustix::fs::openat(
        parent,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&place)?.st_mode);
    if !mode.contains(OWNER_DIRECTORY) {
        // A handle opened by PATH has no fchmod; its name in /proc is exact.
        let number = std::os::fd::AsRawFd::as_raw_fd(&place);
        rustix::fs::chmod(format!("/proc/self/fd/{number}"), OWNER_DIRECTORY)?;
    }
    Ok(rustix::fs::openat(&place, ".", DIRECTORY, Mode::empty())?)
}
