//! A tenant's overlay: what it may hold, how it lies over the gateway's configuration.
//!
//! One table allows keys; whatever it does not name is refused. What may only narrow
//! (tools, sandbox limits) is narrowed by [`merge`] itself, so that an overlay written before the
//! operator tightened the base never widens it.

mod narrow;
mod patch;
mod restore;
mod rules;
pub(crate) mod secrets;
mod table;

use std::fmt;

use serde_json::{Map, Value};

use crate::gateway::GatewayConfig;
use crate::path::KeyPath;

pub use patch::apply_patch;
pub use restore::restore_secrets;
pub use rules::admin_only_keys;
pub(crate) use rules::{allowed_keys, is_closed, may_hold};
pub use secrets::{Credentials, SECRET_FIELDS, SecretField};

/// Why a key may not stand in an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OffenceKind {
    /// The operator's alone.
    Protected,
    /// No such key.
    Unknown,
    /// Not the kind of value that the key has.
    Type,
    /// Would widen what the gateway allows.
    Widens,
}

/// One key that may not stand in an overlay.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Offence {
    pub path: KeyPath,
    pub kind: OffenceKind,
    pub reason: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

/// Checks an overlay against the table and against what the gateway allows; every offence is told.
pub fn validate(overlay: &Value, base: &GatewayConfig) -> Result<(), Vec<Offence>> {
    let offences = rules::offences(overlay, &visible(base));
    if offences.is_empty() { Ok(()) } else { Err(offences) }
}

/// The part of the gateway's configuration that tenants have, and see: what an overlay may hold,
/// and the tool policy. Holds the secrets of those sections.
pub fn visible(base: &GatewayConfig) -> Value {
    let whole = serde_json::to_value(base).unwrap_or(Value::Null);
    rules::allowed_part(whole)
}

/// Lays an overlay over the gateway's visible part: objects merge, everything else replaces, `null`
/// says nothing; tools and sandbox limits only ever narrow.
pub fn merge(visible: &Value, overlay: &Value) -> Value {
    let mut merged = lay_over(visible, overlay);
    if let Value::Object(sections) = &mut merged {
        for (key, narrow) in [("tools", narrow::tools as fn(&Value, &Value) -> Value), ("sandbox", narrow::limits)] {
            let narrowed = narrow(&visible[key], &overlay[key]);
            if !narrowed.is_null() {
                sections.insert(key.to_owned(), narrowed);
            }
        }
    }
    merged
}

fn lay_over(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (_, Value::Null) => base.clone(),
        (Value::Object(below), Value::Object(above)) => {
            let mut merged = below.clone();
            for (key, over) in above {
                let base = below.get(key).unwrap_or(&Value::Null);
                merged.insert(key.clone(), lay_over(base, over));
            }
            Value::Object(merged)
        }
        _ => over.clone(),
    }
}

/// The members of an object; none for anything else.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests;
