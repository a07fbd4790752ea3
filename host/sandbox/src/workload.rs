//! What is to be run.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::egress::Policy;
use crate::error::InvalidWorkload;
use crate::limits::Limits;

/// A command with its arguments and its environment fits in this.
pub(crate) const MAX_START_BYTES: usize = 128 << 10;

/// A command, and everything that it is given.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Looked for in [`crate::PATH`] when it has no slash.
    pub command: String,
    pub args: Vec<String>,
    /// The whole environment besides PATH, HOME, and with an allow list the proxy's variables.
    pub env: Vec<(String, String)>,
    pub cwd: WorkPath,
    /// What it reads first; [`Session::input`](crate::Session) adds to it.
    pub stdin: Vec<u8>,
    /// Directories or files that it can read besides.
    pub mounts: Vec<Mount>,
    pub network: Network,
    pub limits: Limits,
    /// With a terminal of this size, instead of pipes.
    pub pty: Option<Size>,
}

/// What a workload can reach.
#[derive(Clone, Debug, Default)]
pub enum Network {
    #[default]
    None,
    /// By a proxy, these alone.
    Allowlist(Arc<Policy>),
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// A directory below `/work`, or `/work` itself; relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkPath(String);

impl WorkPath {
    /// Takes `a/b`, `/work/a/b`, `/work` and the empty path.
    pub fn parse(path: &str) -> Result<Self, InvalidWorkload> {
        let invalid = || InvalidWorkload::WorkingDirectory(path.to_owned());
        let relative = match path.strip_prefix(crate::WORK) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('/').ok_or_else(invalid)?,
            None => path,
        };
        let plain = relative.is_empty() || relative.split('/').all(is_plain_name);
        if plain { Ok(Self(relative.to_owned())) } else { Err(invalid()) }
    }

    /// As the workload sees it.
    pub fn inside(&self) -> String {
        if self.0.is_empty() { crate::WORK.to_owned() } else { format!("{}/{}", crate::WORK, self.0) }
    }
}

/// A directory or a file of the host, opened before, that a workload reads at a path of its own.
#[derive(Clone, Debug)]
pub struct Mount {
    pub(crate) source: Arc<OwnedFd>,
    pub(crate) target: String,
}

impl Mount {
    /// `target` lies in `/mnt`: never below what the tenant can write, nor over the system.
    pub fn new(source: OwnedFd, target: &str) -> Result<Self, InvalidWorkload> {
        match target.strip_prefix("/mnt/") {
            Some(name) if is_plain_name(name) => Ok(Self { source: Arc::new(source), target: target.to_owned() }),
            _ => Err(InvalidWorkload::MountPoint(target.to_owned())),
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

impl Workload {
    pub fn new(command: impl Into<String>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { command: command.into(), args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// By the shell, as `sh -c`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new("/bin/sh", ["-c".to_owned(), script.into()])
    }

    pub(crate) fn check(&self) -> Result<(), InvalidWorkload> {
        if self.command.is_empty() {
            return Err(InvalidWorkload::NoCommand);
        }
        if self.command.contains('\0') || self.args.iter().any(|argument| argument.contains('\0')) {
            return Err(InvalidWorkload::Nul("the command"));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(InvalidWorkload::EnvironmentName(name.clone()));
            }
            if value.contains('\0') {
                return Err(InvalidWorkload::Nul("the environment"));
            }
        }
        let environment = self.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
        let bytes =
            self.command.len() + self.args.iter().map(|argument| argument.len() + 1).sum::<usize>() + environment;
        if bytes > MAX_START_BYTES { Err(InvalidWorkload::TooLarge(bytes)) } else { Ok(()) }
    }

    /// PATH and HOME first, so that the tenant's own take their place.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut all = vec![("PATH".to_owned(), crate::PATH.to_owned()), ("HOME".to_owned(), crate::WORK.to_owned())];
        if matches!(self.network, Network::Allowlist(_)) {
            let proxy = format!("http://{}", crate::egress::INSIDE);
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
                all.push((name.to_owned(), proxy.clone()));
                all.push((name.to_lowercase(), proxy.clone()));
            }
        }
        for (name, value) in &self.env {
            all.retain(|(known, _)| known != name);
            all.push((name.clone(), value.clone()));
        }
        all
    }
}

#[cfg(test)]
mod tests;
