//! A family's database in memory: what it answers and refuses is what the host's does.

use crate::bindings::openclaw::gateway::documents::{
    Append, Delete, Document, Entry, Expectation, Operation, Page, Put, Range, Trim,
};
use crate::{Error, Result};
use serde_json::json;
use std::collections::BTreeMap;

mod cursor;
mod limits;

pub(crate) use limits::{bytes, visible};

/// Collections and logs.
#[derive(Clone, Default)]
pub(crate) struct Store {
    /// By collection and key.
    documents: BTreeMap<(String, String), Stored>,
    logs: BTreeMap<String, Log>,
    /// The newest version that was given to a document.
    version: u64,
}

#[derive(Clone)]
struct Stored {
    value: Vec<u8>,
    version: u64,
    rank: i64,
}

#[derive(Clone, Default)]
struct Log {
    /// The newest sequence number that was ever given.
    last: u64,
    entries: Vec<Entry>,
}

impl Store {
    pub(crate) fn get(&self, collection: &str, key: &str) -> Result<Option<Document>> {
        limits::name("collection", collection)?;
        limits::key(key)?;
        Ok(self.document(collection, key))
    }

    pub(crate) fn get_many(&self, collection: &str, keys: &[String]) -> Result<Vec<Option<Document>>> {
        limits::name("collection", collection)?;
        limits::count("keys", keys.len())?;
        keys.iter().try_for_each(|key| limits::key(key))?;
        let found: Vec<_> = keys.iter().map(|key| self.document(collection, key)).collect();
        limits::answer(found.iter().map(|document| document.as_ref().map_or(0, |found| found.value.len())))?;
        Ok(found)
    }

    pub(crate) fn scan(&self, collection: &str, range: &Range) -> Result<Page> {
        limits::name("collection", collection)?;
        limits::range(range)?;
        let after = range.after.as_deref().map(|after| cursor::decode(range.order, after)).transpose()?;
        let mut found: Vec<Document> = self.collection(collection, &range.prefix).collect();
        found.sort_by(|one, other| cursor::compare(range.order, one, other));
        let rest =
            found.into_iter().filter(|document| after.is_none_or(|after| after.is_before(range.order, document)));
        let mut documents: Vec<Document> = rest.skip(range.skip as usize).collect();
        let fits = limits::fitting(documents.iter().map(|document| document.value.len()));
        let end = fits.min(range.limit as usize);
        let has_more = documents.len() > end;
        documents.truncate(end);
        let next = documents.last().filter(|_| has_more).map(|last| cursor::encode(range.order, last));
        Ok(Page { documents, next })
    }

    pub(crate) fn count(&self, collection: &str, prefix: &str) -> Result<u64> {
        limits::name("collection", collection)?;
        Ok(self.collection(collection, prefix).count() as u64)
    }

    pub(crate) fn read_log(&self, log: &str, after: u64, limit: u32) -> Result<Vec<Entry>> {
        limits::name("log", log)?;
        limits::count("limit", limit as usize)?;
        let rest = self.entries(log).iter().filter(|entry| entry.sequence > after);
        Ok(fitting(rest.take(limit as usize).cloned().collect()))
    }

    pub(crate) fn tail_log(&self, log: &str, limit: u32) -> Result<Vec<Entry>> {
        limits::name("log", log)?;
        limits::count("limit", limit as usize)?;
        let newest = self.entries(log).iter().rev().take(limit as usize).cloned().collect();
        let mut newest = fitting(newest);
        newest.reverse();
        Ok(newest)
    }

    pub(crate) fn log_length(&self, log: &str) -> Result<u64> {
        limits::name("log", log)?;
        Ok(self.entries(log).len() as u64)
    }

    /// All or nothing: what is refused changes nothing.
    pub(crate) fn transact(&mut self, operations: &[Operation]) -> Result<Vec<u64>> {
        limits::operations(operations)?;
        let mut changed = self.clone();
        let numbers = operations.iter().map(|operation| changed.apply(operation)).collect::<Result<_>>()?;
        *self = changed;
        Ok(numbers)
    }

    fn apply(&mut self, operation: &Operation) -> Result<u64> {
        match operation {
            Operation::Put(put) => self.put(put),
            Operation::Delete(delete) => self.delete(delete),
            Operation::Append(append) => Ok(self.append(append)),
            Operation::Trim(trim) => Ok(self.trim(trim)),
        }
    }

    fn put(&mut self, put: &Put) -> Result<u64> {
        self.expect(&put.collection, &put.key, &put.expect)?;
        self.version += 1;
        let stored = Stored { value: put.value.clone(), version: self.version, rank: put.rank };
        self.documents.insert((put.collection.clone(), put.key.clone()), stored);
        Ok(self.version)
    }

    fn delete(&mut self, delete: &Delete) -> Result<u64> {
        self.expect(&delete.collection, &delete.key, &delete.expect)?;
        let removed = self.documents.remove(&(delete.collection.clone(), delete.key.clone()));
        Ok(u64::from(removed.is_some()))
    }

    fn append(&mut self, append: &Append) -> u64 {
        let log = self.logs.entry(append.log.clone()).or_default();
        for value in &append.entries {
            log.last += 1;
            log.entries.push(Entry { sequence: log.last, value: value.clone() });
        }
        log.last
    }

    /// The sequence numbers of a log that was removed are not used again.
    fn trim(&mut self, trim: &Trim) -> u64 {
        let Some(log) = self.logs.get_mut(&trim.log) else { return 0 };
        let keep = usize::try_from(trim.keep).unwrap_or(usize::MAX);
        let removed = log.entries.len().saturating_sub(keep);
        log.entries.drain(..removed);
        removed as u64
    }

    fn expect(&self, collection: &str, key: &str, expectation: &Expectation) -> Result<()> {
        let current = self.document(collection, key).map(|document| document.version);
        let holds = match expectation {
            Expectation::Any => true,
            Expectation::Absent => current.is_none(),
            Expectation::Version(version) => current == Some(*version),
        };
        if holds {
            return Ok(());
        }
        let message = format!("the document {key:?} is not at the expected version");
        Err(Error::conflict(message).with_data(&json!({"key": key, "current": current})))
    }

    fn document(&self, collection: &str, key: &str) -> Option<Document> {
        let stored = self.documents.get(&(collection.to_owned(), key.to_owned()))?;
        Some(stored.document(key))
    }

    fn collection<'a>(&'a self, collection: &'a str, prefix: &'a str) -> impl Iterator<Item = Document> + 'a {
        let from = (collection.to_owned(), prefix.to_owned());
        let all = self.documents.range(from..);
        all.take_while(move |((name, key), _)| name == collection && key.starts_with(prefix))
            .map(|((_, key), stored)| stored.document(key))
    }

    fn entries(&self, log: &str) -> &[Entry] {
        self.logs.get(log).map_or(&[], |log| &log.entries)
    }
}

impl Stored {
    fn document(&self, key: &str) -> Document {
        Document { key: key.to_owned(), value: self.value.clone(), version: self.version, rank: self.rank }
    }
}

/// As many entries as one answer holds.
fn fitting(mut entries: Vec<Entry>) -> Vec<Entry> {
    let end = limits::fitting(entries.iter().map(|entry| entry.value.len()));
    entries.truncate(end);
    entries
}
