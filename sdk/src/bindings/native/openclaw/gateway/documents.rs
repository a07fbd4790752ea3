//! `documents`: the family's own database.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use crate::testing::documents::{self as store, Store, visible};
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::documents::{
    Append, Delete, Document, Entry, Expectation, Operation, Order, Page, Put, Range, Trim,
};

pub struct Database {
    facts: Rc<Facts>,
    family: String,
}

pub fn open(call: &Call) -> Result<Database, Error> {
    call.0.granted("documents")?;
    Database::of(&call.0, call.0.family())
}

impl Database {
    pub(crate) fn of(facts: &Rc<Facts>, family: &str) -> Result<Self, Error> {
        facts.tenant()?;
        Ok(Self { facts: Rc::clone(facts), family: family.to_owned() })
    }

    fn read<T>(&self, collection: &str, read: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        visible(collection)?;
        self.facts.state.with_store(&self.family, |store| read(store))
    }

    pub fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, Error> {
        self.read(collection, |store| store.get(collection, key))
    }

    pub fn get_many(&self, collection: &str, keys: &[String]) -> Result<Vec<Option<Document>>, Error> {
        self.read(collection, |store| store.get_many(collection, keys))
    }

    pub fn scan(&self, collection: &str, range: &Range) -> Result<Page, Error> {
        self.read(collection, |store| store.scan(collection, range))
    }

    pub fn count(&self, collection: &str, prefix: &str) -> Result<u64, Error> {
        self.read(collection, |store| store.count(collection, prefix))
    }

    pub fn transact(&self, operations: &[Operation]) -> Result<Vec<u64>, Error> {
        self.facts.room_for(operations.iter().map(store::bytes).sum())?;
        self.facts.state.with_store(&self.family, |store| store.transact(operations))
    }

    pub fn read_log(&self, log: &str, after: u64, limit: u32) -> Result<Vec<Entry>, Error> {
        self.facts.state.with_store(&self.family, |store| store.read_log(log, after, limit))
    }

    pub fn tail_log(&self, log: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        self.facts.state.with_store(&self.family, |store| store.tail_log(log, limit))
    }

    pub fn log_length(&self, log: &str) -> Result<u64, Error> {
        self.facts.state.with_store(&self.family, |store| store.log_length(log))
    }
}
