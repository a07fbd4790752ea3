//! Checks of what a caller hands in, before any database is touched.

use crate::{Error, Operation, Range, Result};

/// Most documents or entries of a page, keys of a `get_many`, operations of a transaction.
pub const MAX_ITEMS: usize = 1_000;
/// Longest name of a collection or log, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Where a page ends, whatever its limit; also the most that `get_many` answers, in bytes of values.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Most bytes that one transaction writes.
pub const MAX_TRANSACTION_BYTES: usize = 16 << 20;

/// The limits that the operator can set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) value_bytes: usize,
    pub(crate) key_bytes: usize,
}

impl Limits {
    pub(crate) fn key(&self, key: &str) -> Result<()> {
        name("key", key, self.key_bytes)
    }

    pub(crate) fn range(&self, range: &Range) -> Result<()> {
        count("limit", range.limit as usize)?;
        if range.prefix.len() > self.key_bytes {
            return Err(Error::BadName { what: "prefix", limit: self.key_bytes });
        }
        Ok(())
    }

    /// Checks every operation; the answer is the number of bytes that they write.
    pub(crate) fn operations(&self, operations: &[Operation]) -> Result<usize> {
        count("operations", operations.len())?;
        let mut bytes = 0;
        for operation in operations {
            bytes += self.operation(operation)?;
        }
        within("transaction", bytes, MAX_TRANSACTION_BYTES)?;
        Ok(bytes)
    }

    fn operation(&self, operation: &Operation) -> Result<usize> {
        match operation {
            Operation::Put { collection: name, key, value, .. } => {
                collection(name)?;
                self.key(key)?;
                within("value", value.len(), self.value_bytes)?;
                Ok(value.len() + key.len())
            }
            Operation::Delete { collection: name, key, .. } => {
                collection(name)?;
                self.key(key).map(|()| key.len())
            }
            Operation::Append { log: name, entries } => {
                log(name)?;
                if entries.len() > MAX_ITEMS {
                    return Err(Error::BadLimit { what: "entries", limit: MAX_ITEMS });
                }
                entries.iter().try_for_each(|entry| within("entry", entry.len(), self.value_bytes))?;
                Ok(entries.iter().map(Vec::len).sum())
            }
            Operation::ClearLog { log: name } | Operation::TrimLog { log: name, .. } => log(name).map(|()| 0),
        }
    }
}

pub(crate) fn collection(value: &str) -> Result<()> {
    name("collection", value, MAX_NAME_BYTES)
}

pub(crate) fn log(value: &str) -> Result<()> {
    name("log", value, MAX_NAME_BYTES)
}

pub(crate) fn count(what: &'static str, count: usize) -> Result<()> {
    if (1..=MAX_ITEMS).contains(&count) { Ok(()) } else { Err(Error::BadLimit { what, limit: MAX_ITEMS }) }
}

fn name(what: &'static str, value: &str, limit: usize) -> Result<()> {
    if value.is_empty() || value.len() > limit || value.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(Error::BadName { what, limit });
    }
    Ok(())
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit { Err(Error::TooLarge { what, bytes, limit }) } else { Ok(()) }
}
