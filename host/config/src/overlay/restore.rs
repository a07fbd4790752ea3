//! Placeholders written back by a client that read a redacted configuration.

use std::collections::HashMap;

use serde_json::Value;

use super::findings::Findings;
use super::{Credentials, Offence, OffenceKind};
use crate::path::{KeyPath, Segment};
use crate::secret::REDACTED;

/// Puts the stored secrets in place of the placeholders of a new overlay. A placeholder for a
/// secret that the gateway has and the tenant has not is left out: the gateway's shines through
/// again. One that stands for nothing is an offence.
///
/// Elements of lists are recognised by their `id`, never by their position alone.
pub fn restore_secrets(
    credentials: Credentials,
    new: &mut Value,
    stored: &Value,
    base: &Value,
) -> Result<(), Vec<Offence>> {
    let mut restore = Restore { credentials, path: KeyPath::root(), findings: Findings::default() };
    restore.visit(new, Some(stored), Some(base));
    let offences = restore.findings.into_offences();
    if offences.is_empty() { Ok(()) } else { Err(offences) }
}

struct Restore {
    credentials: Credentials,
    path: KeyPath,
    findings: Findings,
}

/// What becomes of a member.
#[derive(PartialEq)]
enum Fate {
    Stays,
    Goes,
}

impl Restore {
    fn visit(&mut self, new: &mut Value, stored: Option<&Value>, base: Option<&Value>) -> Fate {
        match new {
            Value::String(text) if text == REDACTED => return self.restore(new, stored, base),
            Value::Object(members) => members.retain(|key, member| {
                self.path.push(Segment::Key(key.clone()));
                let fate =
                    self.visit(member, stored.and_then(|value| value.get(key)), base.and_then(|value| value.get(key)));
                self.path.pop();
                fate == Fate::Stays
            }),
            Value::Array(items) => {
                let (stored, base) = (by_id(stored), by_id(base));
                for (index, item) in items.iter_mut().enumerate() {
                    let id = item.get("id").and_then(Value::as_str).map(str::to_owned);
                    let alike = |others: &HashMap<&str, _>| id.as_deref().and_then(|id| others.get(id).copied());
                    self.path.push(Segment::Index(index));
                    self.visit(item, alike(&stored), alike(&base));
                    self.path.pop();
                }
            }
            _ => {}
        }
        Fate::Stays
    }

    fn restore(&mut self, placeholder: &mut Value, stored: Option<&Value>, base: Option<&Value>) -> Fate {
        let is_there = |value: &&Value| !value.is_null();
        if !self.credentials.is_at(&self.path) {
            return Fate::Stays;
        }
        match (stored.filter(is_there), base.filter(is_there)) {
            (Some(secret), _) => *placeholder = secret.clone(),
            (None, Some(_)) => return Fate::Goes,
            (None, None) => {
                let reason = "the placeholder stands for a stored secret, and there is none";
                self.findings.add(&self.path, OffenceKind::Type, reason);
            }
        }
        Fate::Stays
    }
}

/// The elements of a list that have an id; of several the first.
fn by_id(list: Option<&Value>) -> HashMap<&str, &Value> {
    let items = list.and_then(Value::as_array).into_iter().flatten().rev();
    items.filter_map(|item| Some((item.get("id")?.as_str()?, item))).collect()
}
