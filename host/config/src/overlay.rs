//! A tenant's overlay: what it may hold, how it lies over the gateway's configuration.
//!
//! One table allows keys; whatever it does not name is refused. What may only narrow
//! (tools, the sandbox's limits and mode) is narrowed by [`merge`] itself, so that an overlay written before the
//! operator tightened the base never widens it. An overlay's size is bounded, and what is done with
//! one is linear in it.

mod findings;
mod ground;
mod host_names;
mod merge;
mod modes;
mod own;
mod patch;
mod pattern;
mod policy;
mod restore;
mod rules;
pub(crate) mod secrets;
mod size;
mod table;

use std::fmt;

use serde_json::{Map, Value};

use crate::gateway::GatewayConfig;
use crate::path::KeyPath;

pub use findings::TOLD_OFFENCES;
pub use merge::merge;
pub(crate) use modes::strictness;
pub(crate) use own::misread;
pub use patch::apply_patch;
pub use restore::restore_secrets;
pub use rules::admin_only_keys;
pub(crate) use rules::{allowed_keys, is_closed, may_hold};
pub use secrets::{Credentials, SECRET_FIELDS, SecretField};
pub use size::{MAX_KEY_BYTES, MAX_TEXT_BYTES, MAX_VALUES, check_size};

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
        match self.path.segments().is_empty() {
            true => f.write_str(&self.reason),
            false => write!(f, "{}: {}", self.path, self.reason),
        }
    }
}

/// What is wrong with a refused overlay: keys that may not be there, told apart from values that may not.
pub(crate) fn describe(offences: &[Offence]) -> String {
    let of_value = |offence: &&Offence| matches!(offence.kind, OffenceKind::Type | OffenceKind::Widens);
    let (values, keys): (Vec<&Offence>, Vec<&Offence>) = offences.iter().partition(of_value);
    let told = |what: &str, offences: &[&Offence]| {
        let each: Vec<String> = offences.iter().map(ToString::to_string).collect();
        (!each.is_empty()).then(|| format!("{what} that may not be set: {}", each.join("; ")))
    };
    [told("keys", &keys), told("values", &values)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Checks an overlay's size, then its keys against the table and against what the gateway allows, of
/// which `visible` is the tenants' part. Offences beyond [`TOLD_OFFENCES`] are told by their number.
pub fn validate(overlay: &Value, visible: &Value) -> Result<(), Vec<Offence>> {
    check_size(overlay)?;
    let offences = rules::offences(overlay, visible);
    if offences.is_empty() { Ok(()) } else { Err(offences) }
}

/// The part of the gateway's configuration that tenants have, and see: what an overlay may hold,
/// and the tool policy. Holds the secrets of those sections.
pub fn visible(base: &GatewayConfig) -> Value {
    let whole = serde_json::to_value(base).unwrap_or(Value::Null);
    rules::allowed_part(whole)
}

/// The members of an object; none for anything else.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests;
