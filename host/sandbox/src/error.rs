//! Why a workload was not started.

use std::io;

use crate::limits::Limit;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Invalid(#[from] InvalidWorkload),
    #[error("this machine does not enforce {}, and the sandbox is strict", list(.0))]
    NotEnforced(Vec<Limit>),
    #[error("the gateway runs as root, and the tenant has no uid of its own")]
    NoTenantUser,
    #[error("the tenant's workloads have a uid of their own, and only a gateway that runs as root can give it to them")]
    TenantUserNeedsRoot,
    #[error("{what} is not available: {why}")]
    Unavailable { what: &'static str, why: String },
    #[error("{what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("Docker: {0}")]
    Docker(#[from] bollard::errors::Error),
}

impl Error {
    pub(crate) fn io<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { what, source: source.into() }
    }
}

/// What is wrong with a workload, as its sender can put it right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWorkload {
    #[error("the command is empty")]
    NoCommand,
    #[error("{0} holds a NUL byte")]
    Nul(&'static str),
    #[error("the environment variable {0:?} has no valid name")]
    EnvironmentName(String),
    #[error("the command and its environment take {0} bytes, more than {max}", max = crate::workload::MAX_START_BYTES)]
    TooLarge(usize),
    #[error("{0:?} is not a directory below /work")]
    WorkingDirectory(String),
    #[error("{0:?} is no place for a mount: that is /mnt/NAME")]
    MountPoint(String),
}

fn list(limits: &[Limit]) -> String {
    limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
