//! The first process of a container: starts the command, collects what nobody else does, ends with the command.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use crate::job::Job;
use crate::system;

/// What precedes the reason, on stderr, where the command was not started.
const FAILED: &str = "openclaw-shim: ";

/// Where the job is: its user's alone to read.
const JOB: &str = "/run/job";

pub fn run(by_stdin: bool) -> ExitCode {
    match start(by_stdin) {
        Ok(command) => wait_for(command),
        Err(failure) => {
            // In one piece, to be known by its beginning.
            let _ = io::stderr().write_all(format!("{FAILED}{failure}\n").as_bytes());
            ExitCode::from(127)
        }
    }
}

fn start(by_stdin: bool) -> Result<u32, String> {
    // By a copy of the descriptor, and no byte more than the job has: what follows is for the command.
    let source = if by_stdin { io::stdin().as_fd().try_clone_to_owned().map(File::from) } else { File::open(JOB) };
    let job = source.and_then(|mut source| Job::receive(&mut source));
    let job = job.map_err(|error| format!("the job cannot be read: {error}"))?;
    job.prepare()?;
    // The engine has made the terminal, and given it no size.
    job.tty.map_or(Ok(()), system::resize_terminal).map_err(|error| format!("the terminal: {error}"))?;
    job.command().spawn().map(|child| child.id()).map_err(|error| format!("{}: {error}", job.program))
}

/// By the shells' convention, 128 and the number for a signal.
fn wait_for(command: u32) -> ExitCode {
    while let Some((process, status)) = system::wait() {
        if process == command {
            let (signal, code) = (status & 0x7f, (status >> 8) & 0xff);
            return ExitCode::from(if signal == 0 { code as u8 } else { 128 + signal as u8 });
        }
    }
    ExitCode::from(127)
}
