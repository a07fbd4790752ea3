//! `audit.jsonl`: who changed what, one JSON line each, chained by hashes.
//!
//! Each line's hash covers the line and the hash before it, so a line that is
//! changed, removed or inserted later shows. A log that is lost under the
//! writer is begun anew with an entry about the loss. Secrets never enter a detail.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use openclaw_control::Durability;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Home, TenantId, TokenId};

mod chain;
mod file;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests plant damage")]
mod tests;

use chain::Tail;
pub use chain::{AuditFault, AuditSummary, LostEntries};
use file::{LogFile, Loss};

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
    durability: Durability,
    end: Mutex<End>,
    /// The last sequence number known to be on disk.
    synced: Mutex<u64>,
}

/// Where the next line goes.
#[derive(Debug)]
struct End {
    log: LogFile,
    tail: Tail,
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
    /// crash cut short is set aside to `audit.jsonl.torn`, which an entry says;
    /// so does one where the log is missing beside tenants.
    pub fn open(home: &Home, durability: Durability) -> Result<Self, AuditError> {
        let path = home.audit_path();
        let io = |source| AuditError::Io { path: path.clone(), source };
        let directory = home.directory().clone();
        let missing = !LogFile::is_there(&directory).map_err(io)? && has_tenants(home).map_err(io)?;
        let mut log = LogFile::open(directory).map_err(io)?;
        let torn = chain::torn_tail(log.file()).map_err(io)?;
        if !torn.is_empty() {
            log.set_aside(&torn).map_err(io)?;
        }
        let tail = match chain::last_line(log.file()).map_err(io)? {
            None => Tail::default(),
            Some(line) => {
                Tail::of_line(&line).map_err(|reason| AuditError::Unreadable { path: path.clone(), reason })?
            }
        };
        let mut end = End { log, tail };
        if missing {
            end.begin_anew(Loss::Missing).map_err(io)?;
        }
        if !torn.is_empty() {
            end.write(&of_the_gateway("audit.torn", json!({ "bytes": torn.len() }))).map_err(io)?;
        }
        if missing || !torn.is_empty() {
            end.log.file().sync_data().map_err(io)?;
        }
        Ok(Self { path, durability, synced: Mutex::new(end.tail.seq), end: Mutex::new(end) })
    }

    /// Records one event; it is in the file when this returns, and with `PowerSafe` on
    /// the disk. Blocks. Appends that come together share one sync. Where the file was removed, replaced or
    /// changed by somebody else, a new one begins, and says so.
    pub fn append(&self, event: AuditEvent) -> Result<(), AuditError> {
        self.write(&event)
            .and_then(|seq| match self.durability {
                Durability::Process => Ok(()),
                Durability::PowerSafe => self.sync(seq),
            })
            .map_err(|source| AuditError::Io { path: self.path.clone(), source })
    }

    /// Checks the whole chain of a log.
    pub fn verify(path: &Path) -> Result<AuditSummary, AuditFault> {
        chain::verify(path)
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, event: &AuditEvent) -> std::io::Result<u64> {
        let mut end = self.end();
        if let Some(loss) = end.log.loss()? {
            end.begin_anew(loss)?;
        }
        end.write(event)
    }

    fn sync(&self, seq: u64) -> std::io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= seq {
            return Ok(());
        }
        // A file that was given up meanwhile was synced then.
        let (written, file) = {
            let end = self.end();
            (end.tail.seq, Arc::clone(end.log.file()))
        };
        file.sync_data()?;
        *synced = written;
        Ok(())
    }
}

impl End {
    /// Begins a new file after one that was lost. Its first line continues the chain.
    fn begin_anew(&mut self, loss: Loss) -> std::io::Result<()> {
        let (seq, hash) = (self.tail.seq, self.tail.hash.clone());
        let aside = self.log.begin_anew()?;
        tracing::error!(?loss, seq, hash, aside, "audit.jsonl was lost or changed by somebody else: a new one begins");
        let detail = json!({ "loss": loss, "lastSeq": seq, "lastHash": hash, "setAside": aside });
        self.write(&of_the_gateway(chain::LOST, detail)).map(drop)
    }

    fn write(&mut self, event: &AuditEvent) -> std::io::Result<u64> {
        let seq = self.tail.seq + 1;
        let line = serde_json::to_string(&Line {
            ts: Timestamp::now(),
            seq,
            actor: event.actor.to_string(),
            tenant: event.tenant.as_ref(),
            action: event.action,
            detail: &event.detail,
            prev: &self.tail.hash,
        })?;
        let hash = chain::hash(&self.tail.hash, &line);
        self.log.append(chain::seal(&line, &hash).as_bytes())?;
        self.tail = Tail { seq, hash };
        Ok(seq)
    }
}

fn of_the_gateway(action: &'static str, detail: Value) -> AuditEvent {
    AuditEvent { actor: Actor::Gateway, tenant: None, action, detail }
}

fn has_tenants(home: &Home) -> std::io::Result<bool> {
    home.directories().map(|tenants| !tenants.is_empty()).map_err(std::io::Error::other)
}
