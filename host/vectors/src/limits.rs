//! What an index takes, checked before any file is touched.

use crate::{Error, Item, Kept, Query, Result};

/// Most numbers of a vector.
pub const DIMENSIONS: usize = 4096;
/// Most items of an index, whatever its vectors are.
pub const ITEMS: u64 = 200_000;
/// Most numbers of all vectors of an index together: a search looks at each of them.
pub const NUMBERS: u64 = 64 << 20;
/// Longest text of an item, in bytes.
pub const TEXT_BYTES: usize = 64 << 10;
/// Longest text that is searched for, in bytes.
pub const QUERY_BYTES: usize = 64 << 10;
/// Longest attributes of an item, in bytes.
pub const ATTRIBUTE_BYTES: usize = 8 << 10;
/// Longest id of an item, in bytes.
pub const ID_BYTES: usize = 1 << 10;
/// What a file takes before anything is in it, in bytes: a page for each table of its schema.
pub const FILE_BYTES: usize = 400 << 10;
/// Most results of a search.
pub const RESULTS: usize = 1_000;
/// Most items, ids or keys of one call.
pub const WRITES: usize = 1_000;
/// Most vectors that are kept beside the items; the oldest give way.
pub const KEPT: u64 = 20_000;
/// Longest key of a vector that is kept, in bytes.
pub const KEY_BYTES: usize = 256;

/// Most items of an index of so many dimensions.
#[must_use]
pub fn most_items(dimensions: usize) -> u64 {
    ITEMS.min(NUMBERS / dimensions.max(1) as u64)
}

pub(crate) fn dimensions(dimensions: usize) -> Result<()> {
    if (1..=DIMENSIONS).contains(&dimensions) {
        return Ok(());
    }
    Err(Error::Invalid(format!("an index has 1 to {DIMENSIONS} dimensions")))
}

pub(crate) fn items(items: &[Item], dimensions: usize) -> Result<()> {
    count("items", items.len())?;
    items.iter().try_for_each(|item| {
        within("an id", item.id.len(), ID_BYTES)?;
        within("a text", item.text.len(), TEXT_BYTES)?;
        within("attributes", item.attributes.len(), ATTRIBUTE_BYTES)?;
        vector(&item.vector, dimensions)
    })
}

pub(crate) fn ids(ids: &[String]) -> Result<()> {
    count("ids", ids.len())?;
    ids.iter().try_for_each(|id| within("an id", id.len(), ID_BYTES))
}

pub(crate) fn keys<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> Result<()> {
    count("keys", keys.len())?;
    for key in keys {
        within("a key", key.len(), KEY_BYTES)?;
    }
    Ok(())
}

pub(crate) fn kept(kept: &[Kept], dimensions: usize) -> Result<()> {
    keys(kept.iter().map(|kept| &kept.key))?;
    kept.iter().try_for_each(|kept| vector(&kept.vector, dimensions))
}

pub(crate) fn query(query: &Query, dimensions: usize) -> Result<()> {
    if !query.vector.is_empty() {
        vector(&query.vector, dimensions)?;
    }
    within("a text", query.text.len(), QUERY_BYTES)?;
    if !(1..=RESULTS).contains(&query.limit) {
        return Err(Error::Invalid(format!("limit is 1 to {RESULTS}")));
    }
    if (0.0..=1.0).contains(&query.vector_weight) {
        return Ok(());
    }
    Err(Error::Invalid("vector-weight is 0.0 to 1.0".to_owned()))
}

fn vector(vector: &[f32], dimensions: usize) -> Result<()> {
    if vector.len() != dimensions {
        return Err(Error::Invalid(format!("the index has {dimensions} dimensions, not {}", vector.len())));
    }
    if vector.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(Error::Invalid("a vector holds finite numbers".to_owned()))
}

fn count(what: &str, count: usize) -> Result<()> {
    if count <= WRITES { Ok(()) } else { Err(Error::Invalid(format!("at most {WRITES} {what} at once"))) }
}

fn within(what: &str, bytes: usize, limit: usize) -> Result<()> {
    if bytes <= limit { Ok(()) } else { Err(Error::Invalid(format!("{what} may have {limit} bytes at most"))) }
}
