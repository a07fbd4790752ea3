//! One grant: its text, and what it covers.

use std::{fmt, str::FromStr};

use openclaw_egress::HostPattern;
use openclaw_sandbox::Mode;
use openclaw_tenancy::{Family, PicoUsd};
use serde::Deserialize;

use crate::error::GrantError;

/// Something that a component may do besides the basics. Parsed from the texts of `components.grants`,
/// `components.install` and a manifest's `capabilities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A whole interface, by its name in `wit/`.
    Interface(&'static str),
    /// `documents:<family>/<collection>[:write]`
    Documents {
        /// Whose collection.
        family: Family,
        /// Its name.
        collection: String,
        /// Writing includes reading.
        access: Access,
    },
    /// `secret:<name>[:reveal]`: this one, and no other.
    Secret {
        /// Its name.
        name: String,
        /// Whether its value may be read back.
        reveal: bool,
    },
    /// `directory:workspace[:write]`
    Workspace {
        /// Whether it may be changed.
        write: bool,
    },
    /// `http:<host>[:<port>]`; the host may begin with `*.`.
    Http {
        /// One, or all below one.
        host: HostPattern,
        /// Any, where there is none.
        port: Option<u16>,
    },
    /// `method:<name>`
    Method(String),
    /// `model[:<name>]`
    Model(Option<String>),
    /// `model-usd-per-day:<usd>`: what the calls of models may cost each tenant of a day.
    ModelBudget(PicoUsd),
    /// `sandbox[:bwrap|:docker]`
    Sandbox(Option<SandboxMode>),
    /// `memory-mb:<n>`: a call's linear memory.
    MemoryMb(u32),
    /// `sticky:<n>`: so many instances stay for the tenant's next calls.
    Sticky(u8),
}

/// What a component does with another family's collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Looking.
    #[default]
    Read,
    /// Looking and changing, the logs of that name too.
    Write,
}

/// How a workload is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// bubblewrap
    Bwrap,
    /// Docker
    Docker,
}

impl From<Mode> for SandboxMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Bwrap => Self::Bwrap,
            Mode::Docker => Self::Docker,
        }
    }
}

/// Interfaces that are granted as a whole.
const INTERFACES: &[&str] = &[
    "config",
    "config-write",
    "usage",
    "tenancy",
    "tenancy-control",
    "secrets",
    "secrets-reveal",
    "embeddings",
    "vectors",
    "pty",
    "tasks",
    "timers",
    "nodes",
    "channels",
];

/// Most instances that stay for one tenant and family.
const STICKY_MOST: u8 = 8;

/// Most characters of a grant.
const LONGEST: usize = 256;

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        parse(text)
            .map_err(|reason| GrantError { text: text.chars().take(LONGEST).collect(), reason: reason.to_string() })
    }
}

fn parse(text: &str) -> Result<Grant, String> {
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err(format!("a grant has at most {LONGEST} characters, and no control characters"));
    }
    if let Some(interface) = INTERFACES.iter().find(|interface| **interface == text) {
        return Ok(Grant::Interface(interface));
    }
    let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
    match (kind, rest) {
        ("documents", Some(rest)) => documents(rest),
        ("secret", Some(rest)) => {
            let (name, reveal) = flagged(rest, ":reveal");
            Ok(Grant::Secret { name: plain(name, "a secret's name")?, reveal })
        }
        ("directory", Some("workspace")) => Ok(Grant::Workspace { write: false }),
        ("directory", Some("workspace:write")) => Ok(Grant::Workspace { write: true }),
        ("directory", _) => Err("the one directory is directory:workspace, or directory:workspace:write".into()),
        ("http", Some(rest)) => http(rest),
        ("method", Some(name)) => Ok(Grant::Method(plain(name, "a method's name")?)),
        ("methods", None) => Err("each method is granted by its name: method:<name>".into()),
        ("model", None) => Ok(Grant::Model(None)),
        ("model", Some(name)) if !name.is_empty() => Ok(Grant::Model(Some(name.into()))),
        ("model-usd-per-day", Some(amount)) => {
            let read = amount.parse().map(Grant::ModelBudget);
            read.map_err(|error| format!("model-usd-per-day takes an amount of US dollars: {error}"))
        }
        ("sandbox", None) => Ok(Grant::Sandbox(None)),
        ("sandbox", Some("bwrap")) => Ok(Grant::Sandbox(Some(SandboxMode::Bwrap))),
        ("sandbox", Some("docker")) => Ok(Grant::Sandbox(Some(SandboxMode::Docker))),
        ("sandbox", Some(_)) => Err("a sandbox is bwrap or docker".into()),
        ("memory-mb", Some(number)) => match number.parse() {
            Ok(0) | Err(_) => Err("memory-mb takes a whole number of MiB".into()),
            Ok(mib) => Ok(Grant::MemoryMb(mib)),
        },
        ("sticky", Some(number)) => match number.parse() {
            Ok(most @ 1..=STICKY_MOST) => Ok(Grant::Sticky(most)),
            _ => Err(format!("sticky takes a number of instances, 1 to {STICKY_MOST}")),
        },
        _ => Err("there is no capability of that name".into()),
    }
}

fn documents(rest: &str) -> Result<Grant, String> {
    let (rest, write) = flagged(rest, ":write");
    let (family, collection) = rest.split_once('/').ok_or("it reads documents:<family>/<collection>[:write]")?;
    let family = family.parse().map_err(|error: openclaw_tenancy::FamilyError| error.to_string())?;
    let access = if write { Access::Write } else { Access::Read };
    Ok(Grant::Documents { family, collection: plain(collection, "a collection's name")?, access })
}

fn http(rest: &str) -> Result<Grant, String> {
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| "a port is 1 to 65535")?)),
        None => (rest, None),
    };
    let wrong = || "it reads http:<host>[:<port>], where the host may begin with \"*.\"".to_owned();
    // An address of IPv6 stands in brackets, so that its last part is no port.
    if port == Some(0) || (host.contains(':') && !host.ends_with(']')) {
        return Err(wrong());
    }
    Ok(Grant::Http { host: host.parse().map_err(|_| wrong())?, port })
}

fn flagged<'t>(text: &'t str, flag: &str) -> (&'t str, bool) {
    text.strip_suffix(flag).map_or((text, false), |text| (text, true))
}

/// A name without a colon, which would read like a flag of the grant.
fn plain(name: &str, what: &str) -> Result<String, String> {
    if name.is_empty() || name.contains(':') {
        return Err(format!("{what} is not empty and holds no colon"));
    }
    Ok(name.into())
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |on: bool, flag: &'static str| if on { flag } else { "" };
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Documents { family, collection, access } => {
                write!(f, "documents:{family}/{collection}{}", flag(*access == Access::Write, ":write"))
            }
            Self::Secret { name, reveal } => write!(f, "secret:{name}{}", flag(*reveal, ":reveal")),
            Self::Workspace { write } => write!(f, "directory:workspace{}", flag(*write, ":write")),
            Self::Http { host, port: None } => write!(f, "http:{host}"),
            Self::Http { host, port: Some(port) } => write!(f, "http:{host}:{port}"),
            Self::Method(name) => write!(f, "method:{name}"),
            Self::Model(None) => f.write_str("model"),
            Self::Model(Some(name)) => write!(f, "model:{name}"),
            Self::ModelBudget(most) => write!(f, "model-usd-per-day:{most}"),
            Self::Sandbox(None) => f.write_str("sandbox"),
            Self::Sandbox(Some(SandboxMode::Bwrap)) => f.write_str("sandbox:bwrap"),
            Self::Sandbox(Some(SandboxMode::Docker)) => f.write_str("sandbox:docker"),
            Self::MemoryMb(mib) => write!(f, "memory-mb:{mib}"),
            Self::Sticky(most) => write!(f, "sticky:{most}"),
        }
    }
}

impl Grant {
    /// Whether who has this needs not be given `asked` too.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Interface("secrets"), Self::Secret { reveal: false, .. })
            | (Self::Interface("secrets-reveal"), Self::Secret { reveal: true, .. })
            | (Self::Model(None), Self::Model(_))
            | (Self::Sandbox(None), Self::Sandbox(_))
            | (Self::Workspace { write: true }, Self::Workspace { .. }) => true,
            (
                Self::Documents { family, collection, access: Access::Write },
                Self::Documents { family: of, collection: asked, .. },
            ) => family == of && collection == asked,
            (Self::Secret { name, reveal: true }, Self::Secret { name: asked, .. }) => name == asked,
            (Self::Http { host, port }, Self::Http { host: asked, port: at }) => {
                (port.is_none() || port == at) && host.covers(asked)
            }
            (Self::ModelBudget(granted), Self::ModelBudget(asked)) => granted >= asked,
            (Self::MemoryMb(granted), Self::MemoryMb(asked)) => granted >= asked,
            (Self::Sticky(granted), Self::Sticky(asked)) => granted >= asked,
            (granted, asked) => granted == asked,
        }
    }
}
