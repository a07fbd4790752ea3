//! The system calls about mounts.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::system::result;

unsafe extern "C" {
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

/// Of a descriptor: an empty path means itself.
const AT_EMPTY_PATH: c_int = 0x1000;

pub fn unmount(target: &Path) -> io::Result<()> {
    const MNT_DETACH: c_int = 2;
    const UMOUNT_NOFOLLOW: c_int = 8;
    let target = CString::new(target.as_os_str().as_bytes())?;
    // SAFETY: the pointer is to a string that ends in NUL, alive for the call.
    result(unsafe { umount2(target.as_ptr(), MNT_DETACH | UMOUNT_NOFOLLOW) })
}

/// A copy of the mount that the descriptor is in, from the descriptor down; it is nowhere yet.
pub fn copy_mount(descriptor: c_int) -> io::Result<OwnedFd> {
    const SYS_OPEN_TREE: c_long = 428;
    const OPEN_TREE_CLONE: c_int = 1;
    const O_CLOEXEC: c_int = 0o2000000;
    let flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH;
    // SAFETY: the path is a string that ends in NUL, alive for the call.
    let copy = unsafe { syscall(SYS_OPEN_TREE, descriptor, c"".as_ptr(), flags) };
    result(copy as c_int)?;
    // SAFETY: the call has just made it, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as c_int) })
}

/// Puts a copied mount on a path.
pub fn move_mount(mount: &OwnedFd, target: &Path) -> io::Result<()> {
    const SYS_MOVE_MOUNT: c_long = 429;
    const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 4;
    const AT_FDCWD: c_int = -100;
    let target = CString::new(target.as_os_str().as_bytes())?;
    let (from, flags) = (mount.as_raw_fd(), MOVE_MOUNT_F_EMPTY_PATH);
    // SAFETY: both paths are strings that end in NUL, alive for the call.
    result(unsafe { syscall(SYS_MOVE_MOUNT, from, c"".as_ptr(), AT_FDCWD, target.as_ptr(), flags) } as c_int)
}

/// From here on our mounts are ours: others do not see them, and we see no new ones of theirs but below what was
/// shared.
pub fn own_mounts() -> io::Result<()> {
    const CLONE_NEWNS: c_int = 0x20000;
    const MS_REC_SLAVE: c_ulong = 0x4000 | 0x80000;
    // SAFETY: takes one integer.
    result(unsafe { unshare(CLONE_NEWNS) })?;
    mount_on(c"/", c"none", MS_REC_SLAVE, c"")
}

/// A small file system in memory.
pub fn mount_memory(target: &str) -> io::Result<()> {
    const MS_NOSUID_NODEV: c_ulong = 2 | 4;
    mount_on(&CString::new(target)?, c"tmpfs", MS_NOSUID_NODEV, c"mode=755,size=65536")
}

fn mount_on(target: &CStr, kind: &CStr, flags: c_ulong, data: &CStr) -> io::Result<()> {
    // SAFETY: all four are strings that end in NUL, alive for the call.
    result(unsafe { mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast()) })
}
