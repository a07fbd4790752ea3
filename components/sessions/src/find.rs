//! `sessions.resolve`, and what else finds a session by something but its key.

use crate::row::{Details, Row};
use crate::store::{self, DETAILS, SESSIONS, canonical, no_session};
use openclaw_sdk::documents::{Database, Order, PAGE_LIMIT, Range};
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resolve {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    spawned_by: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Resolved {
    ok: bool,
    key: String,
}

pub(crate) fn resolve(call: &Call, params: Resolve) -> Result<Resolved> {
    let database = call.documents()?;
    let key = match (&params.key, &params.session_id, &params.label) {
        (Some(key), None, None) => {
            let key = canonical(key)?;
            store::read_row(&database, &key)?.ok_or_else(|| no_session(&key))?;
            key
        }
        (None, Some(id), None) => the_only(&database, &params, "id", id, |row| row.session_id.as_deref() == Some(id))?,
        (None, None, Some(label)) => {
            the_only(&database, &params, "label", label, |row| row.label.as_deref() == Some(label))?
        }
        _ => {
            return Err(Error::invalid("exactly one of key, sessionId and label is needed"));
        }
    };
    Ok(Resolved { ok: true, key })
}

fn the_only(
    database: &Database,
    params: &Resolve,
    what: &str,
    value: &str,
    matches: impl Fn(&Row) -> bool,
) -> Result<String> {
    let mut keys = find(database, params.agent_id.as_deref(), matches)?;
    if let Some(parent) = &params.spawned_by {
        let mut spawned = Vec::new();
        for key in keys {
            let details: Option<Details> = database.collection(DETAILS).get(&key)?;
            if details.and_then(|details| details.spawned_by).as_ref() == Some(parent) {
                spawned.push(key);
            }
        }
        keys = spawned;
    }
    match keys.pop() {
        None => Err(Error::not_found(format!("there is no session with the {what} {value}"))),
        Some(key) if keys.is_empty() => Ok(key),
        Some(_) => Err(Error::invalid(format!("more than one session has the {what} {value}"))),
    }
}

/// Refuses a label that another session has.
pub(crate) fn check_label(database: &Database, key: &str, label: &str) -> Result<()> {
    const LABEL_LIMIT: usize = 512;
    if label.trim().is_empty() || label.chars().count() > LABEL_LIMIT {
        return Err(Error::invalid(format!("a label has 1 to {LABEL_LIMIT} characters")));
    }
    let keys = find(database, None, |row| row.label.as_deref() == Some(label))?;
    if keys.iter().any(|other| other != key) {
        return Err(Error::invalid(format!("label already in use: {label}")));
    }
    Ok(())
}

/// The keys of all sessions that match.
fn find(database: &Database, agent_id: Option<&str>, matches: impl Fn(&Row) -> bool) -> Result<Vec<String>> {
    let prefix = agent_id.map_or(String::new(), |id| format!("agent:{}:", id.to_lowercase()));
    let range = Range::first(PAGE_LIMIT, Order::KeyAscending).with_prefix(prefix);
    let mut keys = Vec::new();
    database.collection(SESSIONS).scan_all(range, |document| {
        if matches(&document.parse()?) {
            keys.push(document.key);
        }
        Ok(true)
    })?;
    Ok(keys)
}
