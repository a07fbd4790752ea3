//! Writes that happen together or not at all.

use super::raw::{self, Append, Delete, Expectation, Operation, Put, Trim};
use super::shared_documents_write::Writer;
use crate::Result;
use serde::Serialize;

/// Where a transaction is written.
pub(super) trait Target {
    fn transact(&self, operations: &[Operation]) -> Result<Vec<u64>>;
}

impl Target for raw::Database {
    fn transact(&self, operations: &[Operation]) -> Result<Vec<u64>> {
        self.transact(operations)
    }
}

impl Target for Writer {
    fn transact(&self, operations: &[Operation]) -> Result<Vec<u64>> {
        self.transact(operations)
    }
}

/// A list of writes, at most 1,000; nothing happens before [`Transaction::commit`].
#[must_use = "nothing is written before `commit`"]
pub struct Transaction<'a> {
    // Behind a pointer, so that a component imports only what it writes to.
    target: &'a dyn Target,
    operations: Vec<Operation>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(target: &'a dyn Target) -> Self {
        Self { target, operations: Vec::new() }
    }

    /// Writes a document whatever is there. `rank` orders scans by rank.
    ///
    /// # Errors
    /// INTERNAL when the value is not JSON.
    pub fn put(self, collection: &str, key: &str, value: &impl Serialize, rank: i64) -> Result<Self> {
        self.put_if(collection, key, value, rank, Expectation::Any)
    }

    /// Writes a document that must not be there yet, else CONFLICT.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn insert(self, collection: &str, key: &str, value: &impl Serialize, rank: i64) -> Result<Self> {
        self.put_if(collection, key, value, rank, Expectation::Absent)
    }

    /// Writes a document that must still have this version, else CONFLICT.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn update(self, collection: &str, key: &str, value: &impl Serialize, rank: i64, version: u64) -> Result<Self> {
        self.put_if(collection, key, value, rank, Expectation::Version(version))
    }

    /// Removes a document whatever its version.
    pub fn delete(self, collection: &str, key: &str) -> Self {
        self.with(Operation::Delete(Delete {
            collection: collection.into(),
            key: key.into(),
            expect: Expectation::Any,
        }))
    }

    /// Removes a document that must still have this version, else CONFLICT.
    pub fn delete_version(self, collection: &str, key: &str, version: u64) -> Self {
        self.with(Operation::Delete(Delete {
            collection: collection.into(),
            key: key.into(),
            expect: Expectation::Version(version),
        }))
    }

    /// Adds entries to the end of a log.
    pub fn append(self, log: &str, entries: Vec<Vec<u8>>) -> Self {
        self.with(Operation::Append(Append { log: log.into(), entries }))
    }

    /// Keeps the newest entries of a log; 0 removes it.
    pub fn trim(self, log: &str, keep: u64) -> Self {
        self.with(Operation::Trim(Trim { log: log.into(), keep }))
    }

    /// Does it all or nothing; answers one number an operation, see `documents.wit`.
    ///
    /// # Errors
    /// CONFLICT (an expectation did not hold), INVALID_REQUEST (a limit),
    /// QUOTA_EXCEEDED (`disk_bytes`), UNAVAILABLE (busy, no room).
    pub fn commit(self) -> Result<Vec<u64>> {
        self.target.transact(&self.operations)
    }

    fn put_if(
        self,
        collection: &str,
        key: &str,
        value: &impl Serialize,
        rank: i64,
        expect: Expectation,
    ) -> Result<Self> {
        Ok(self.with(Operation::Put(Put {
            collection: collection.into(),
            key: key.into(),
            value: serde_json::to_vec(value)?,
            rank,
            expect,
        })))
    }

    fn with(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }
}
