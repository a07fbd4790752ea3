//! Collections of JSON documents and append-only logs of the tenant, in the
//! database of the handler's family.

#![allow(clippy::disallowed_methods, reason = "what the family itself wrote, into a type of the handler")]

use crate::bindings::openclaw::gateway::{documents as raw, shared_documents, shared_documents_write};
use crate::{Call, Result};
use serde::de::DeserializeOwned;

mod transaction;

pub use raw::{Document, Entry, Order, Page, Range};
pub use transaction::Transaction;

/// How many documents or log entries one call to the host may ask for.
pub const PAGE_LIMIT: u32 = 1000;

/// The database of this tenant and this family.
pub struct Database(pub(crate) raw::Database);

/// One collection of the family's own database.
pub struct Collection<'a> {
    database: &'a Database,
    name: &'a str,
}

/// One collection of another family, read only.
pub struct SharedCollection(shared_documents::Collection);

/// The logs of another family that one name stands for, read only.
pub struct SharedLogs(shared_documents::Logs);

/// What the manifest names for writing of another family.
pub struct SharedWriter(shared_documents_write::Writer);

impl Call {
    /// Opens the family's database.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn documents(&self) -> Result<Database> {
        raw::open(self).map(Database)
    }

    /// Opens a collection of another family that the manifest names.
    ///
    /// # Errors
    /// FORBIDDEN when the collection was not granted.
    pub fn shared_documents(&self, family: &str, collection: &str) -> Result<SharedCollection> {
        shared_documents::open(self, family, collection).map(SharedCollection)
    }

    /// Opens the logs of another family that a name of the manifest stands for: the one of that name, and those
    /// named `<name>:…`.
    ///
    /// # Errors
    /// FORBIDDEN when the name was not granted.
    pub fn shared_logs(&self, family: &str, name: &str) -> Result<SharedLogs> {
        shared_documents::open_logs(self, family, name).map(SharedLogs)
    }

    /// Opens what the manifest names for writing of another family.
    ///
    /// # Errors
    /// FORBIDDEN when nothing of that family was granted for writing.
    pub fn shared_documents_write(&self, family: &str) -> Result<SharedWriter> {
        shared_documents_write::open(self, family).map(SharedWriter)
    }
}

impl Document {
    /// The value as the handler's own type.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.value)?)
    }
}

impl Range {
    /// The first `limit` documents (1 to 1,000) of an order.
    #[must_use]
    pub fn first(limit: u32, order: Order) -> Self {
        Self { prefix: String::new(), after: None, skip: 0, limit, order }
    }

    /// Only keys that begin with `prefix`.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Passes over that many documents first.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
}

impl Database {
    /// One of the family's collections; it exists once something is in it.
    #[must_use]
    pub fn collection<'a>(&'a self, name: &'a str) -> Collection<'a> {
        Collection { database: self, name }
    }

    /// Begins a list of writes that happen together or not at all.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.0)
    }

    /// Entries of a log after sequence number `after` (0: from the start),
    /// oldest first; at most 1,000.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn read_log(&self, log: &str, after: u64, limit: u32) -> Result<Vec<Entry>> {
        self.0.read_log(log, after, limit)
    }

    /// The newest entries of a log, oldest first; at most 1,000.
    ///
    /// # Errors
    /// As [`Database::read_log`].
    pub fn tail_log(&self, log: &str, limit: u32) -> Result<Vec<Entry>> {
        self.0.tail_log(log, limit)
    }

    /// How many entries a log has.
    ///
    /// # Errors
    /// As [`Database::read_log`].
    pub fn log_length(&self, log: &str) -> Result<u64> {
        self.0.log_length(log)
    }
}

impl Collection<'_> {
    /// The value of a key as the handler's own type.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), INTERNAL (the type does not fit), UNAVAILABLE.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.document(key)?.map(|found| found.parse()).transpose()
    }

    /// The document of a key, with its version and rank.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn document(&self, key: &str) -> Result<Option<Document>> {
        self.database.0.get(self.name, key)
    }

    /// One answer for each of at most 1,000 keys, in their order.
    ///
    /// # Errors
    /// As [`Collection::document`].
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Document>>> {
        self.database.0.get_many(self.name, keys)
    }

    /// A page of documents.
    ///
    /// # Errors
    /// As [`Collection::document`].
    pub fn scan(&self, range: &Range) -> Result<Page> {
        self.database.0.scan(self.name, range)
    }

    /// All documents of a range, page by page; `visit` answers false to stop.
    ///
    /// # Errors
    /// As [`Collection::document`], and whatever `visit` answers.
    pub fn scan_all(&self, range: Range, visit: impl FnMut(Document) -> Result<bool>) -> Result<()> {
        each_page(range, |range| self.scan(range), visit)
    }

    /// How many keys begin with `prefix`; an empty one counts all.
    ///
    /// # Errors
    /// As [`Collection::document`].
    pub fn count(&self, prefix: &str) -> Result<u64> {
        self.database.0.count(self.name, prefix)
    }
}

impl SharedCollection {
    /// The value of a key as the handler's own type.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), INTERNAL (the type does not fit), UNAVAILABLE.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.document(key)?.map(|found| found.parse()).transpose()
    }

    /// The document of a key, with its version and rank.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn document(&self, key: &str) -> Result<Option<Document>> {
        self.0.get(key)
    }

    /// A page of documents.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn scan(&self, range: &Range) -> Result<Page> {
        self.0.scan(range)
    }

    /// All documents of a range, page by page; `visit` answers false to stop.
    ///
    /// # Errors
    /// As [`SharedCollection::scan`], and whatever `visit` answers.
    pub fn scan_all(&self, range: Range, visit: impl FnMut(Document) -> Result<bool>) -> Result<()> {
        each_page(range, |range| self.scan(range), visit)
    }

    /// How many keys begin with `prefix`; an empty one counts all.
    ///
    /// # Errors
    /// As [`SharedCollection::scan`].
    pub fn count(&self, prefix: &str) -> Result<u64> {
        self.0.count(prefix)
    }
}

impl SharedLogs {
    /// As [`Database::read_log`].
    ///
    /// # Errors
    /// FORBIDDEN (a log outside the grant), INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn read(&self, log: &str, after: u64, limit: u32) -> Result<Vec<Entry>> {
        self.0.read(log, after, limit)
    }

    /// As [`Database::tail_log`].
    ///
    /// # Errors
    /// As [`SharedLogs::read`].
    pub fn tail(&self, log: &str, limit: u32) -> Result<Vec<Entry>> {
        self.0.tail(log, limit)
    }
}

impl SharedWriter {
    /// Begins a list of writes that happen together or not at all; one that is
    /// outside the grant makes `commit` FORBIDDEN.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.0)
    }
}

fn each_page(
    mut range: Range,
    scan: impl Fn(&Range) -> Result<Page>,
    mut visit: impl FnMut(Document) -> Result<bool>,
) -> Result<()> {
    loop {
        let page = scan(&range)?;
        for document in page.documents {
            if !visit(document)? {
                return Ok(());
            }
        }
        if page.next.is_none() {
            return Ok(());
        }
        range.after = page.next;
        range.skip = 0;
    }
}
