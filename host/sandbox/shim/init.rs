//! The first process of a container: starts the command, collects what nobody else does, ends with the command.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::job::Job;
use crate::system;

/// What precedes the reason, on stderr, where the command was not started.
const FAILED: &str = "openclaw-shim: ";

/// Where the job is: its user's alone to read.
const JOB: &str = "/run/job";

pub fn run() -> ExitCode {
    match start() {
        Ok(command) => wait_for(command),
        Err(failure) => {
            // In one piece, to be known by its beginning.
            let _ = io::stderr().write_all(format!("{FAILED}{failure}\n").as_bytes());
            ExitCode::from(127)
        }
    }
}

fn start() -> Result<u32, String> {
    let job = File::open(JOB).and_then(|mut file| Job::receive(&mut file));
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
