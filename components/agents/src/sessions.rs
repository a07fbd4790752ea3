//! The sessions of an agent, which the family `sessions` keeps. They go with it.
//!
//! Its collections: `sessions` by session key, `session-details` beside them, and
//! `archives`; its logs: `transcript:<sessionId>` and `archive:<sessionId>:<time>`.

use openclaw_sdk::documents::{Document, Order, PAGE_LIMIT, Range, Transaction};
use openclaw_sdk::{Call, Result};
use serde::Deserialize;

const FAMILY: &str = "sessions";
const SESSIONS: &str = "sessions";
const DETAILS: &str = "session-details";
const ARCHIVES: &str = "archives";

/// How many removals one transaction has, of three operations at most.
const GROUP: usize = 300;

/// How often the removal begins again when somebody changed a session meanwhile.
const ATTEMPTS: usize = 5;

/// What is removed together.
#[derive(Debug, PartialEq)]
enum Removal {
    Session { key: String, version: u64, log: Option<String> },
    Archive { name: String, version: u64, log: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    session_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Archived {
    session_key: String,
    log: String,
}

/// Removes every session and archive of an agent: in one transaction, or in
/// several where there are hundreds, each of whole sessions.
pub(crate) fn delete_of(call: &Call, agent: &str) -> Result<()> {
    let mut attempt = 1;
    loop {
        match delete(call, agent) {
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

fn delete(call: &Call, agent: &str) -> Result<()> {
    let removals = find(call, agent)?;
    let writer = call.shared_documents_write(FAMILY)?;
    for group in removals.chunks(GROUP) {
        group.iter().fold(writer.transaction(), |transaction, removal| removal.add_to(transaction)).commit()?;
    }
    Ok(())
}

fn find(call: &Call, agent: &str) -> Result<Vec<Removal>> {
    let prefix = prefix_of(agent);
    let all = || Range::first(PAGE_LIMIT, Order::KeyAscending);
    let mut removals = Vec::new();
    call.shared_documents(FAMILY, SESSIONS)?.scan_all(all().with_prefix(&*prefix), |document| {
        removals.push(Removal::of_session(document)?);
        Ok(true)
    })?;
    call.shared_documents(FAMILY, ARCHIVES)?.scan_all(all(), |document| {
        removals.extend(Removal::of_archive(document, &prefix)?);
        Ok(true)
    })?;
    Ok(removals)
}

/// What the session keys of an agent begin with.
fn prefix_of(agent: &str) -> String {
    format!("agent:{agent}:")
}

impl Removal {
    fn of_session(document: Document) -> Result<Self> {
        let row: Row = document.parse()?;
        let log = row.session_id.map(|id| format!("transcript:{id}"));
        Ok(Self::Session { key: document.key, version: document.version, log })
    }

    /// None where the archive is of another agent's session.
    fn of_archive(document: Document, prefix: &str) -> Result<Option<Self>> {
        let archived: Archived = document.parse()?;
        let is_its = archived.session_key.starts_with(prefix);
        Ok(is_its.then_some(Self::Archive { name: document.key, version: document.version, log: archived.log }))
    }

    /// Holds only if nobody changed it since it was read: a reset gives a session another transcript.
    fn add_to<'a>(&self, transaction: Transaction<'a>) -> Transaction<'a> {
        match self {
            Self::Session { key, version, log } => {
                let transaction = transaction.delete_version(SESSIONS, key, *version).delete(DETAILS, key);
                match log {
                    Some(log) => transaction.trim(log, 0),
                    None => transaction,
                }
            }
            Self::Archive { name, version, log } => transaction.delete_version(ARCHIVES, name, *version).trim(log, 0),
        }
    }
}

#[cfg(test)]
mod tests;
