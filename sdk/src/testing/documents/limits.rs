//! What the host refuses of a caller, before it looks at the database.

use crate::bindings::openclaw::gateway::documents::{Operation, Range};
use crate::{Error, Result};

const ITEMS: usize = 1_000;
const NAME_BYTES: usize = 128;
const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 1 << 20;
const ANSWER_BYTES: usize = 8 << 20;
const TRANSACTION_BYTES: usize = 16 << 20;

/// Collections that only the host reads begin with this.
const HIDDEN: char = '~';

pub(crate) fn visible(collection: &str) -> Result<()> {
    match collection.starts_with(HIDDEN) {
        true => Err(Error::invalid(format!("a collection's name does not begin with {HIDDEN}"))),
        false => Ok(()),
    }
}

/// Bytes that an operation writes.
pub(crate) fn bytes(operation: &Operation) -> usize {
    match operation {
        Operation::Put(put) => put.key.len() + put.value.len(),
        Operation::Append(append) => append.entries.iter().map(Vec::len).sum(),
        Operation::Delete(_) | Operation::Trim(_) => 0,
    }
}

/// The name of a collection or of a log.
pub(super) fn name(what: &str, name: &str) -> Result<()> {
    text(what, name, NAME_BYTES)
}

pub(super) fn key(key: &str) -> Result<()> {
    text("key", key, KEY_BYTES)
}

pub(super) fn count(what: &str, count: usize) -> Result<()> {
    match (1..=ITEMS).contains(&count) {
        true => Ok(()),
        false => Err(Error::invalid(format!("{what} must be 1 to {ITEMS}"))),
    }
}

pub(super) fn range(range: &Range) -> Result<()> {
    count("limit", range.limit as usize)?;
    match range.prefix.len() > KEY_BYTES {
        true => Err(bad_name("prefix", KEY_BYTES)),
        false => Ok(()),
    }
}

/// How many values fit one answer; the first always does.
pub(super) fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut total = 0;
    let fits = |(at, size): &(usize, usize)| {
        total += size + 1;
        *at == 0 || total <= ANSWER_BYTES
    };
    sizes.enumerate().take_while(fits).count()
}

/// Refuses values that do not all fit one answer.
pub(super) fn answer(sizes: impl Iterator<Item = usize> + Clone) -> Result<()> {
    let total: usize = sizes.clone().map(|size| size + 1).sum();
    match fitting(sizes.clone()) == sizes.count() {
        true => Ok(()),
        false => within("answer", total, ANSWER_BYTES),
    }
}

pub(super) fn operations(operations: &[Operation]) -> Result<()> {
    operations.iter().try_for_each(visible_part)?;
    count("operations", operations.len())?;
    operations.iter().try_for_each(operation)?;
    let written = |operation: &Operation| match operation {
        Operation::Delete(delete) => delete.key.len(),
        other => bytes(other),
    };
    within("transaction", operations.iter().map(written).sum(), TRANSACTION_BYTES)
}

fn visible_part(operation: &Operation) -> Result<()> {
    match operation {
        Operation::Put(put) => visible(&put.collection),
        Operation::Delete(delete) => visible(&delete.collection),
        Operation::Append(_) | Operation::Trim(_) => Ok(()),
    }
}

fn operation(operation: &Operation) -> Result<()> {
    match operation {
        Operation::Put(put) => {
            name("collection", &put.collection)?;
            key(&put.key)?;
            within("value", put.value.len(), VALUE_BYTES)
        }
        Operation::Delete(delete) => {
            name("collection", &delete.collection)?;
            key(&delete.key)
        }
        Operation::Append(append) => {
            name("log", &append.log)?;
            if append.entries.len() > ITEMS {
                return Err(Error::invalid(format!("entries must be 1 to {ITEMS}")));
            }
            append.entries.iter().try_for_each(|entry| within("entry", entry.len(), VALUE_BYTES))
        }
        Operation::Trim(trim) => name("log", &trim.log),
    }
}

fn text(what: &str, text: &str, limit: usize) -> Result<()> {
    let has_control = text.bytes().any(|byte| byte < 0x20 || byte == 0x7f);
    match text.is_empty() || text.len() > limit || has_control {
        true => Err(bad_name(what, limit)),
        false => Ok(()),
    }
}

fn bad_name(what: &str, limit: usize) -> Error {
    Error::invalid(format!("{what} is empty, longer than {limit} bytes or holds control characters"))
}

fn within(what: &str, bytes: usize, limit: usize) -> Result<()> {
    match bytes > limit {
        true => Err(Error::invalid(format!("{what} of {bytes} bytes is over the limit of {limit}"))),
        false => Ok(()),
    }
}
