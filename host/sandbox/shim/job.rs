//! What is to be run, and what has to be done before.
//!
//! A job is its length in bytes (little endian, 4 bytes), then its fields, each ended by NUL. The fields:
//! `tty=COLUMNSxROWS` or `no-tty`, `egress` or `no-egress`, the directory, the number of limits and each as
//! `resource=value`, the number of variables and each as `NAME=value`, then the command and its arguments.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::str::FromStr;

use crate::system::{self, Size};

pub struct Job {
    pub tty: Option<Size>,
    pub program: String,
    egress: bool,
    directory: String,
    limits: Vec<(i32, u64)>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Job {
    pub fn receive(source: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        source.read_exact(&mut length)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        source.read_exact(&mut bytes)?;
        let fields = BufReader::new(&bytes[..]).split(0);
        Self::read(fields.map_while(Result::ok).map(|field| String::from_utf8_lossy(&field).into_owned()))
    }

    fn read(mut fields: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut next = || fields.next().ok_or(io::ErrorKind::UnexpectedEof);
        let tty = size(&next()?)?;
        let egress = next()? == "egress";
        let directory = next()?;
        let mut limits = Vec::new();
        for _ in 0..number(&next()?)? {
            let (resource, value) = pair(&next()?)?;
            limits.push((number(&resource)?, number(&value)?));
        }
        let mut environment = Vec::new();
        for _ in 0..number(&next()?)? {
            environment.push(pair(&next()?)?);
        }
        let program = next()?;
        Ok(Self { tty, program, egress, directory, limits, environment, arguments: fields.collect() })
    }

    /// Signals, directory, way to the proxy, limits: of this process, for the command to inherit. Or what went wrong.
    pub fn prepare(&self) -> Result<(), String> {
        system::default_signals();
        std::env::set_current_dir(&self.directory).map_err(|error| format!("{}: {error}", self.directory))?;
        if self.egress {
            start_forwarding().map_err(|error| format!("the way to the proxy: {error}"))?;
        }
        for (resource, value) in &self.limits {
            system::limit(*resource, *value).map_err(|error| format!("the limit {resource}: {error}"))?;
        }
        Ok(())
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn number<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

fn size(text: &str) -> io::Result<Option<Size>> {
    let Some(size) = text.strip_prefix("tty=") else { return Ok(None) };
    let (columns, rows) = size.split_once('x').ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(Size { columns: number(columns)?, rows: number(rows)? }))
}

fn pair(text: &str) -> io::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or(io::ErrorKind::InvalidData)?;
    Ok((name.to_owned(), value.to_owned()))
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
