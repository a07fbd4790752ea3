//! The system calls about mounts.

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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

pub fn unmount(target: &Path) -> io::Result<()> {
    const MNT_DETACH: c_int = 2;
    const UMOUNT_NOFOLLOW: c_int = 8;
    let target = CString::new(target.as_os_str().as_bytes())?;
    // SAFETY: the pointer is to a string that ends in NUL, alive for the call.
    result(unsafe { umount2(target.as_ptr(), MNT_DETACH | UMOUNT_NOFOLLOW) })
}

/// Puts a mount that is nowhere yet on a path.
pub fn move_mount(mount: c_int, target: &Path) -> io::Result<()> {
    const SYS_MOVE_MOUNT: c_long = 429;
    const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 4;
    const AT_FDCWD: c_int = -100;
    let target = CString::new(target.as_os_str().as_bytes())?;
    let flags = MOVE_MOUNT_F_EMPTY_PATH;
    // SAFETY: both paths are strings that end in NUL, alive for the call.
    result(unsafe { syscall(SYS_MOVE_MOUNT, mount, c"".as_ptr(), AT_FDCWD, target.as_ptr(), flags) } as c_int)
}

/// Where something is mounted, above before below.
pub fn all() -> io::Result<Vec<PathBuf>> {
    // proc(5): the fifth field; a space, a tab, a line's end and a backslash are octal numbers in it.
    let place = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(|place| OsString::from_vec(unescape(place)));
    let list = std::fs::read("/proc/self/mountinfo")?;
    Ok(list.split(|byte| *byte == b'\n').filter_map(place).map(PathBuf::from).collect())
}

fn unescape(mut place: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((first, rest)) = place.split_first() {
        let digits = rest.first_chunk::<3>().filter(|_| *first == b'\\').and_then(|digits| str::from_utf8(digits).ok());
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        place = if octal.is_some() { &rest[3..] } else { rest };
    }
    bytes
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
