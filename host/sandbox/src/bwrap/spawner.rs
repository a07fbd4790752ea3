//! Starts bubblewrap from one thread that lives as long as we do: the kernel sends the parent-death signal when the
//! *thread* that made a process ends, and a runtime's threads come and go.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use tokio::sync::oneshot;

use crate::cgroup::go_first;
use crate::reaper::Owed;
use crate::{Error, Reaper};

/// A process to start.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// stdin, stdout, stderr.
    pub(super) streams: [OwnedFd; 3],
    /// All that it inherits besides, under their own numbers.
    pub(super) inherited: Vec<OwnedFd>,
    /// A process that writes `0` there is in the cgroup.
    pub(super) entrances: Vec<OwnedFd>,
    pub(super) reaper: Reaper,
}

/// A process to start, and who wants it.
type Order = (Launch, oneshot::Sender<io::Result<(u32, Owed)>>);

/// The thread.
#[derive(Clone, Debug)]
pub(super) struct Spawner {
    launches: mpsc::Sender<Order>,
}

impl Spawner {
    pub(super) fn start() -> Result<Self, Error> {
        let (launches, waiting) = mpsc::channel::<Order>();
        let work = move || {
            for (launch, answer) in waiting {
                // Where nobody wants it any more, it goes.
                if let Err(Ok((pid, _owed))) = answer.send(launch.spawn())
                    && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
                {
                    let _ = kill_process_group(pid, Signal::KILL);
                    let _ = waitpid(Some(pid), WaitOptions::empty());
                }
            }
        };
        let thread = thread::Builder::new().name("sandbox-spawner".to_owned()).spawn(work);
        thread.map(|_| Self { launches }).map_err(Error::io("the sandbox's thread"))
    }

    /// The new process's id, which is its group's too. Whoever gets it waits for its end.
    pub(super) async fn launch(&self, launch: Launch) -> Result<(u32, Owed), Error> {
        let (answer, pid) = oneshot::channel();
        let gone = || Error::Io { what: "the sandbox's thread", source: io::ErrorKind::BrokenPipe.into() };
        self.launches.send((launch, answer)).map_err(|_| gone())?;
        pid.await.map_err(|_| gone())?.map_err(Error::io("bubblewrap does not start"))
    }
}

impl Launch {
    fn spawn(self) -> io::Result<(u32, Owed)> {
        let Self { program, arguments, streams: [stdin, stdout, stderr], inherited, entrances, reaper } = self;
        let parent = rustix::process::getpid();
        let numbers: Vec<RawFd> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
        let (announcement, announced) = reaper.announcement()?;
        let prepare = move || {
            announcement.say()?;
            for entrance in &entrances {
                rustix::io::write(entrance, b"0")?;
            }
            // Where there is no /proc, the kernel has its own opinion.
            let _ = go_first();
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() != Some(parent) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            inherit_only(&numbers)
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
        #[allow(unsafe_code, reason = "what the child does between fork and exec")]
        // SAFETY: the closure makes system calls only: it takes no lock and allocates nothing.
        unsafe {
            command.pre_exec(prepare);
        }
        let spawned = command.spawn();
        drop(command);
        let owed = announced.owed();
        Ok((spawned?.id(), owed.ok_or(io::ErrorKind::BrokenPipe)?))
    }
}

/// Of all that is open, only these stay open over exec.
fn inherit_only(numbers: &[RawFd]) -> io::Result<()> {
    #[allow(unsafe_code, reason = "no safe form of close_range sets the flag alone")]
    // SAFETY: it closes nothing: it sets close-on-exec, in this process's own table.
    let status = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    for number in numbers {
        #[allow(unsafe_code, reason = "the child knows its descriptors by number")]
        // SAFETY: the parent holds it open until the child has been made, so it is open here too.
        let descriptor = unsafe { BorrowedFd::borrow_raw(*number) };
        rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?;
    }
    Ok(())
}
