//! Becomes the workload's command.
//!
//! The job is fields that each end in NUL, after their length in bytes (little endian, 4 bytes): `tty` or `no-tty`,
//! `egress` or `no-egress`, the directory, the number of limits and each as `resource=value`, the number of variables and
//! each as `NAME=value`, then the command and its arguments.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use crate::system;

struct Job {
    tty: bool,
    egress: bool,
    directory: String,
    limits: Vec<(i32, u64)>,
    environment: Vec<(String, String)>,
    command: Vec<String>,
}

pub fn run(descriptor: i32) -> ExitCode {
    // SAFETY: the descriptor was opened for us alone, and nothing else here uses it.
    let control = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // A copy that is closed when the command starts; the inherited one goes at the end of this scope.
    let Ok(copy) = control.try_clone() else { return ExitCode::from(126) };
    drop(control);
    let mut control = File::from(copy);
    let failure = match read_job(&mut control) {
        Ok(job) => become_command(job),
        Err(error) => format!("the job cannot be read: {error}"),
    };
    let _ = control.write_all(failure.as_bytes());
    ExitCode::from(127)
}

fn read_job(control: &mut File) -> io::Result<Job> {
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    control.read_exact(&mut bytes)?;
    let mut fields = BufReader::new(&bytes[..]).split(0).map(|field| Ok(String::from_utf8_lossy(&field?).into_owned()));
    let mut next = || fields.next().unwrap_or(Err(io::ErrorKind::UnexpectedEof.into()));
    let tty = next()? == "tty";
    let egress = next()? == "egress";
    let directory = next()?;
    let mut limits = Vec::new();
    for _ in 0..number(&next()?)? {
        let (resource, value) = pair(next()?)?;
        limits.push((number(&resource)?, number(&value)?));
    }
    let mut environment = Vec::new();
    for _ in 0..number::<usize>(&next()?)? {
        environment.push(pair(next()?)?);
    }
    let command = fields.collect::<io::Result<_>>()?;
    Ok(Job { tty, egress, directory, limits, environment, command })
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

fn pair(text: String) -> io::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or(io::ErrorKind::InvalidData)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Answers only where it fails.
fn become_command(job: Job) -> String {
    if let Err(error) = std::env::set_current_dir(&job.directory) {
        return format!("{}: {error}", job.directory);
    }
    if job.egress
        && let Err(error) = start_forwarding()
    {
        return format!("the way to the proxy: {error}");
    }
    if job.tty
        && let Err(error) = system::new_session().and_then(|()| system::control_terminal())
    {
        return format!("the terminal: {error}");
    }
    for (resource, value) in job.limits {
        if let Err(error) = system::limit(resource, value) {
            return format!("the limit {resource}: {error}");
        }
    }
    let Some((program, arguments)) = job.command.split_first() else { return "no command".to_owned() };
    let error = Command::new(program).args(arguments).env_clear().envs(job.environment).exec();
    format!("{program}: {error}")
}

/// Starts `shim forward` and waits until it listens.
fn start_forwarding() -> io::Result<()> {
    let mut forward = Command::new("/proc/self/exe")
        .arg("forward")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut listening = [0];
    forward.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?.read_exact(&mut listening)
}
