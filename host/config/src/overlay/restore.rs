//! Placeholders written back by a client that read a redacted configuration.

use serde_json::Value;

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
    let shape = new.clone();
    let mut offences = Vec::new();
    let mut inherited = Vec::new();
    credentials.each(new, &mut |path, secret| {
        if secret.as_str() != Some(REDACTED) {
            return;
        }
        match counterpart(&shape, stored, path) {
            Some(value) => *secret = value.clone(),
            None if counterpart(&shape, base, path).is_some() => inherited.push(path.clone()),
            None => offences.push(Offence {
                path: path.clone(),
                kind: OffenceKind::Type,
                reason: "the placeholder stands for a stored secret, and there is none".to_owned(),
            }),
        }
    });
    for path in inherited {
        remove(new, &path);
    }
    if offences.is_empty() { Ok(()) } else { Err(offences) }
}

/// The value in `other` at the path that `path` is in `shape`.
fn counterpart<'v>(shape: &Value, other: &'v Value, path: &KeyPath) -> Option<&'v Value> {
    let (mut here, mut there) = (shape, other);
    for segment in path.segments() {
        (here, there) = match segment {
            Segment::Key(key) => (here.get(key)?, there.get(key)?),
            Segment::Index(index) => {
                let item = here.get(index)?;
                let id = item.get("id").filter(|id| id.is_string())?;
                let mut alike = there.as_array()?.iter().filter(|other| other.get("id") == Some(id));
                (item, alike.next()?)
            }
        };
    }
    (!there.is_null()).then_some(there)
}

fn remove(value: &mut Value, path: &KeyPath) {
    let Some((Segment::Key(last), parent)) = path.segments().last().zip(path.parent()) else { return };
    let parent = parent.segments().iter().try_fold(value, |at, segment| match segment {
        Segment::Key(key) => at.get_mut(key),
        Segment::Index(index) => at.get_mut(*index),
    });
    if let Some(Value::Object(members)) = parent {
        members.remove(last);
    }
}
