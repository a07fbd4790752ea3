//! The system calls that the standard library has no name for; those about mounts are in `mount.rs`.

use std::ffi::{c_int, c_long, c_uint, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd};

unsafe extern "C" {
    fn setsid() -> c_int;
    fn ioctl(descriptor: c_int, request: c_ulong, ...) -> c_int;
    fn setrlimit(resource: c_int, limit: *const Limit) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
    fn kill(process: c_int, signal: c_int) -> c_int;
    #[link_name = "wait"]
    fn wait_for_any(status: *mut c_int) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn fcntl(descriptor: c_int, request: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn getppid() -> c_int;
    fn geteuid() -> c_uint;
    fn prctl(option: c_int, ...) -> c_int;
    fn setgroups(count: usize, groups: *const c_uint) -> c_int;
    fn setresgid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
    fn setresuid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
}

/// Opens a place, and not what is there.
pub const O_PATH: c_int = 0o10000000;

/// `struct rlimit` of a 64-bit processor.
#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

/// The size of a terminal.
#[derive(Clone, Copy)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

pub fn result(status: c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub fn new_session() -> io::Result<()> {
    // SAFETY: takes no arguments, touches no memory.
    result(unsafe { setsid() })
}

/// Makes the terminal at standard input the session's own.
pub fn control_terminal() -> io::Result<()> {
    const TIOCSCTTY: c_ulong = 0x540e;
    // SAFETY: the request takes an int by value.
    result(unsafe { ioctl(0, TIOCSCTTY, 0 as c_int) })
}

/// The size of the terminal at standard input.
pub fn resize_terminal(size: Size) -> io::Result<()> {
    const TIOCSWINSZ: c_ulong = 0x5414;
    let size = [size.rows, size.columns, 0, 0];
    // SAFETY: `struct winsize` is four 16-bit numbers, which live through the call.
    result(unsafe { ioctl(0, TIOCSWINSZ, size.as_ptr()) })
}

pub fn limit(resource: c_int, value: u64) -> io::Result<()> {
    let limit = Limit { soft: value, hard: value };
    // SAFETY: the pointer is to a struct of the layout that the C library reads, alive for the call.
    result(unsafe { setrlimit(resource, &limit) })
}

/// What our parents chose to ignore, an interrupt for example, ends a workload all the same.
pub fn default_signals() {
    const DEFAULT: usize = 0;
    for number in 1..=64 {
        // SAFETY: two integers; no handler is installed, and what has no default is an error without effect.
        unsafe { signal(number, DEFAULT) };
    }
}

pub fn kill_process(process: i32) {
    const SIGKILL: c_int = 9;
    // SAFETY: two integers; a process that has ended is an error without effect.
    unsafe { kill(process, SIGKILL) };
}

/// Every process of a group.
pub fn kill_group(leader: i32) {
    // 1 would be every process that there is.
    if leader > 1 {
        kill_process(-leader);
    }
}

/// The next child that ends, with its status; none where there is no child.
pub fn wait() -> Option<(u32, c_int)> {
    let mut status = 0;
    // SAFETY: the pointer is to an int, alive for the call.
    let process = unsafe { wait_for_any(&mut status) };
    u32::try_from(process).ok().map(|process| (process, status))
}

/// Makes `number` mean what the descriptor does, over exec too.
pub fn take_number(descriptor: &impl AsRawFd, number: c_int) -> io::Result<()> {
    // SAFETY: two integers; whoever asks knows that nothing here holds the number.
    result(unsafe { dup2(descriptor.as_raw_fd(), number) })
}

/// Under its number, for what we become.
pub fn keep_over_exec(descriptor: impl IntoRawFd) -> io::Result<()> {
    const F_SETFD: c_int = 2;
    // SAFETY: three integers; the descriptor is ours, and is never closed.
    result(unsafe { fcntl(descriptor.into_raw_fd(), F_SETFD, 0 as c_int) })
}

/// Every descriptor of this number and above, whoever left it open.
pub fn close_from(first: c_int) -> io::Result<()> {
    const SYS_CLOSE_RANGE: c_long = 436;
    // SAFETY: three integers; whoever asks has none of them in use.
    result(unsafe { syscall(SYS_CLOSE_RANGE, first as c_uint, c_uint::MAX, 0 as c_uint) } as c_int)
}

pub fn parent_process() -> c_int {
    // SAFETY: takes no arguments, touches no memory.
    unsafe { getppid() }
}

pub fn is_root() -> bool {
    // SAFETY: takes no arguments, touches no memory.
    unsafe { geteuid() == 0 }
}

pub fn die_with_parent() -> io::Result<()> {
    const PR_SET_PDEATHSIG: c_int = 1;
    const SIGKILL: c_ulong = 9;
    // SAFETY: the option takes one integer.
    result(unsafe { prctl(PR_SET_PDEATHSIG, SIGKILL) })
}

/// For good: no way back is kept.
pub fn become_user(uid: c_uint, gid: c_uint) -> io::Result<()> {
    // SAFETY: no group is read from the pointer, since there are none; the others take integers.
    unsafe {
        result(setgroups(0, std::ptr::null()))?;
        result(setresgid(gid, gid, gid))?;
        result(setresuid(uid, uid, uid))
    }
}
