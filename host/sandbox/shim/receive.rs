//! What comes by a socket: bytes, and descriptors with them.

use std::ffi::{c_int, c_uint, c_void};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// The kernel takes no more in one message.
const MOST: usize = 253;

/// `struct msghdr` of a 64-bit processor.
#[repr(C)]
struct Message {
    name: *mut c_void,
    name_length: c_uint,
    parts: *mut Part,
    parts_length: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_int,
}

/// `struct iovec`.
#[repr(C)]
struct Part {
    base: *mut c_void,
    length: usize,
}

/// `struct cmsghdr` of a 64-bit processor, and what follows it where that is descriptors.
#[repr(C)]
struct Control {
    length: usize,
    level: c_int,
    kind: c_int,
    descriptors: [c_int; MOST],
}

unsafe extern "C" {
    fn recvmsg(socket: c_int, message: *mut Message, flags: c_int) -> isize;
}

/// Fills the buffer from a message that is no shorter. The descriptors stay open over exec.
pub fn with_descriptors(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Vec<OwnedFd>> {
    const HEAD: usize = size_of::<usize>() + 2 * size_of::<c_int>();
    const SOL_SOCKET: c_int = 1;
    const SCM_RIGHTS: c_int = 1;
    const MSG_CTRUNC: c_int = 8;
    const MSG_WAITALL: c_int = 0x100;
    let mut part = Part { base: buffer.as_mut_ptr().cast(), length: buffer.len() };
    let mut control = Control { length: 0, level: 0, kind: 0, descriptors: [0; MOST] };
    let mut message = Message {
        name: ptr::null_mut(),
        name_length: 0,
        parts: &mut part,
        parts_length: 1,
        control: (&raw mut control).cast(),
        control_length: size_of::<Control>(),
        flags: 0,
    };
    // SAFETY: all that the message points to has the layout and the length that it says, and lives through the call.
    let length = unsafe { recvmsg(socket.as_raw_fd(), &mut message, MSG_WAITALL) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    let count = control.length.saturating_sub(HEAD) / size_of::<c_int>();
    if (control.level, control.kind) != (SOL_SOCKET, SCM_RIGHTS) || message.flags & MSG_CTRUNC != 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the kernel has just opened them, for us alone.
    let descriptors = control.descriptors.iter().take(count).map(|number| unsafe { OwnedFd::from_raw_fd(*number) });
    let descriptors = descriptors.collect();
    if length as usize == buffer.len() { Ok(descriptors) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
