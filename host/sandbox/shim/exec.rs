//! Becomes the workload's command: inside bubblewrap. The job comes by descriptor.

use std::fs::File;
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::job::Job;
use crate::system;

pub fn run(descriptor: i32) -> ExitCode {
    // SAFETY: the descriptor was opened for us alone, and nothing else here uses it.
    let control = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // A copy that is closed when the command starts; the inherited one goes at the end of this scope.
    let Ok(copy) = control.try_clone() else { return ExitCode::from(126) };
    drop(control);
    let mut control = File::from(copy);
    // That the sandbox is made.
    if control.write_all(b"+").is_err() {
        return ExitCode::from(126);
    }
    let failure = match Job::receive(&mut control) {
        Ok(job) => become_command(job),
        Err(error) => format!("the job cannot be read: {error}"),
    };
    let _ = control.write_all(failure.as_bytes());
    ExitCode::from(127)
}

/// Answers only where it fails.
fn become_command(job: Job) -> String {
    if let Err(failure) = job.prepare() {
        return failure;
    }
    if job.tty.is_some()
        && let Err(error) = system::new_session().and_then(|()| system::control_terminal())
    {
        return format!("the terminal: {error}");
    }
    let error = job.command().exec();
    format!("{}: {error}", job.program)
}
