//! How large an overlay may be. Everything that is done with one is linear in its size, so these
//! bounds are also the bound of its cost.

use serde_json::Value;

use super::{Offence, OffenceKind, members};
use crate::path::KeyPath;

/// The longest text of an overlay, in bytes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most values of an overlay: mappings, lists, and what stands in them.
pub const MAX_VALUES: usize = 10_000;
/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 256;

/// Refuses an overlay of too many values, or with a key that is too long.
pub fn check_size(overlay: &Value) -> Result<(), Vec<Offence>> {
    let values = count(overlay);
    if values > MAX_VALUES {
        return refuse(format!("{values} values; an overlay holds at most {MAX_VALUES}"));
    }
    let longest = longest_key(overlay);
    if longest > MAX_KEY_BYTES {
        return refuse(format!("a key of {longest} bytes; a key of an overlay has at most {MAX_KEY_BYTES}"));
    }
    Ok(())
}

fn refuse(reason: String) -> Result<(), Vec<Offence>> {
    Err(vec![Offence { path: KeyPath::root(), kind: OffenceKind::Type, reason }])
}

fn count(value: &Value) -> usize {
    let items = value.as_array().into_iter().flatten();
    1 + members(value).map(|(_, member)| count(member)).sum::<usize>() + items.map(count).sum::<usize>()
}

fn longest_key(value: &Value) -> usize {
    let named = members(value).map(|(key, member)| key.len().max(longest_key(member)));
    let items = value.as_array().into_iter().flatten().map(longest_key);
    named.chain(items).max().unwrap_or(0)
}
