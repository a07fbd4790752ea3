//! How soon a thread has a core, once it wants one.

use std::io;
use std::mem::size_of;

use rustix::process::getpriority_process;

/// The least that the kernel takes.
const SLICE_NS: u64 = 100_000;

/// The thread at hand, and those that it starts, ask for short slices: where they wake and another runs that has longer
/// ones, they need not wait until that one's is over. It is no more of the processor than before, only sooner. Kernels
/// before Linux 6.12 do nothing with it (`sched_setattr(2)`, `sched_runtime`).
pub fn ask_for_short_slices() -> io::Result<()> {
    let size = size_of::<libc::sched_attr>();
    let attributes = libc::sched_attr {
        size: u32::try_from(size).map_err(io::Error::other)?,
        sched_policy: libc::SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: getpriority_process(None)?,
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    #[allow(unsafe_code, reason = "no crate at hand has this call")]
    // SAFETY: the kernel reads `size` bytes of what outlives the call, and 0 is the thread that makes it.
    let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_asks_for_them_and_keeps_its_priority() {
        let asked = std::thread::spawn(|| {
            rustix::process::nice(3)?;
            let before = getpriority_process(None)?;
            ask_for_short_slices()?;
            Ok::<_, io::Error>((before, getpriority_process(None)?))
        });
        let (before, after) = asked.join().expect("it ended").expect("the kernel takes it");
        assert_eq!(before, after);
    }
}
