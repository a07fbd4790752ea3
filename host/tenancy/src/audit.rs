//! `audit.jsonl`: who changed what, one JSON line each, chained by hashes.
//!
//! Each line's hash covers the line and the hash before it, so a line that is
//! changed, removed or inserted later shows. Secrets never enter a detail.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use serde_json::Value;

use crate::{Home, TenantId, TokenId};

mod chain;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests plant damage")]
mod tests;

use chain::Tail;
pub use chain::{AuditFault, AuditSummary};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody with the operator's token.
    Operator,
    /// The command line on this machine.
    CommandLine,
    /// A tenant, by one of its tokens.
    Tenant { tenant: TenantId, token: TokenId },
    /// The gateway itself.
    Gateway,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::CommandLine => f.write_str("cli"),
            Self::Tenant { tenant, token } => write!(f, "tenant:{tenant}:{token}"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub actor: Actor,
    /// The tenant it concerns.
    pub tenant: Option<TenantId>,
    /// What was done, `tenant.create` for example.
    pub action: &'static str,
    /// More about it, an object; without secrets.
    pub detail: Value,
}

/// Why nothing could be recorded.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("audit log {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("audit log {}: the last line is not an entry ({reason}); it was left as it is", path.display())]
    Unreadable { path: PathBuf, reason: String },
}

/// The one writer of the audit log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    end: Mutex<Tail>,
    /// The last sequence number known to be on disk.
    synced: Mutex<u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    ts: Timestamp,
    seq: u64,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a TenantId>,
    action: &'a str,
    detail: &'a Value,
    prev: &'a str,
}

impl Audit {
    /// Opens the log (mode 0600) and continues its chain. A last line that a
    /// crash cut short is set aside to `audit.jsonl.torn`, which an entry says.
    pub fn open(home: &Home) -> Result<Self, AuditError> {
        let path = home.audit_path();
        let io = |source| AuditError::Io { path: path.clone(), source };
        let file = open_log(home, "audit.jsonl").map_err(io)?;
        let torn = chain::torn_tail(&file).map_err(io)?;
        if !torn.is_empty() {
            let mut aside = open_log(home, "audit.jsonl.torn").map_err(io)?;
            aside
                .write_all(&torn)
                .and_then(|()| aside.write_all(b"\n"))
                .and_then(|()| aside.sync_all())
                .and_then(|()| file.set_len(file.metadata()?.len() - torn.len() as u64))
                .map_err(io)?;
        }
        let end = match chain::last_line(&file).map_err(io)? {
            None => Tail::default(),
            Some(line) => {
                Tail::of_line(&line).map_err(|reason| AuditError::Unreadable { path: path.clone(), reason })?
            }
        };
        let audit = Self { path, file, synced: Mutex::new(end.seq), end: Mutex::new(end) };
        if !torn.is_empty() {
            audit.append(AuditEvent {
                actor: Actor::Gateway,
                tenant: None,
                action: "audit.torn",
                detail: serde_json::json!({ "bytes": torn.len() }),
            })?;
        }
        Ok(audit)
    }

    /// Records one event; it is on disk when this returns. Blocks. Appends that
    /// come together share one sync.
    pub fn append(&self, event: AuditEvent) -> Result<(), AuditError> {
        self.write(&event)
            .and_then(|seq| self.sync(seq))
            .map_err(|source| AuditError::Io { path: self.path.clone(), source })
    }

    /// Checks the whole chain of a log.
    pub fn verify(path: &Path) -> Result<AuditSummary, AuditFault> {
        chain::verify(path)
    }

    fn write(&self, event: &AuditEvent) -> std::io::Result<u64> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let line = serde_json::to_string(&Line {
            ts: Timestamp::now(),
            seq: end.seq + 1,
            actor: event.actor.to_string(),
            tenant: event.tenant.as_ref(),
            action: event.action,
            detail: &event.detail,
            prev: &end.hash,
        })?;
        let hash = chain::hash(&end.hash, &line);
        let whole = chain::seal(&line, &hash);
        let before = self.file.metadata()?.len();
        if let Err(error) = (&self.file).write_all(whole.as_bytes()) {
            // Half a line would break the chain for those that follow.
            self.file.set_len(before)?;
            return Err(error);
        }
        *end = Tail { seq: end.seq + 1, hash };
        Ok(end.seq)
    }

    fn sync(&self, seq: u64) -> std::io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= seq {
            return Ok(());
        }
        let written = self.end.lock().unwrap_or_else(PoisonError::into_inner).seq;
        self.file.sync_data()?;
        *synced = written;
        Ok(())
    }
}

fn open_log(home: &Home, name: &str) -> std::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let file = File::from(rustix::fs::openat(home.directory(), name, flags, mode)?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok(file)
}
