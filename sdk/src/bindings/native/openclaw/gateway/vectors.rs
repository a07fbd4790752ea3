//! `vectors`: an index of the family, searched item by item.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use crate::testing::vectors::Items;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::vectors::{Hit, Item, Kept, Query};

pub struct Index {
    facts: Rc<Facts>,
    name: (String, String),
    dimensions: u32,
}

pub fn open(call: &Call, name: &str, dimensions: u32) -> Result<Index, Error> {
    call.0.granted("vectors")?;
    call.0.tenant()?;
    Index::of(&call.0, call.0.family(), name, dimensions)
}

pub fn remove(call: &Call, name: &str) -> Result<bool, Error> {
    call.0.granted("vectors")?;
    call.0.tenant()?;
    let name = (call.0.family().to_owned(), name.to_owned());
    Ok(call.0.state.vectors.borrow_mut().remove(&name).is_some_and(|items| items.is_written()))
}

impl Index {
    /// The index of a family, whoever asks.
    pub(crate) fn of(facts: &Rc<Facts>, family: &str, name: &str, dimensions: u32) -> Result<Self, Error> {
        let index = Self { facts: Rc::clone(facts), name: (family.to_owned(), name.to_owned()), dimensions };
        index.with(|_| ())?;
        Ok(index)
    }

    /// Works on what is in it: nothing, where it was not written to or was removed.
    fn with<T>(&self, act: impl FnOnce(&mut Items) -> T) -> Result<T, Error> {
        let mut indexes = self.facts.state.vectors.borrow_mut();
        let items = indexes.entry(self.name.clone()).or_insert_with(|| Items::new(self.dimensions));
        if !items.is_written() {
            *items = Items::new(self.dimensions);
        }
        items.check(self.dimensions)?;
        Ok(act(items))
    }

    pub fn upsert(&self, items: &[Item]) -> Result<(), Error> {
        self.with(|index| index.upsert(items))?
    }

    pub fn delete(&self, ids: &[String]) -> Result<u32, Error> {
        self.with(|index| index.delete(ids))?
    }

    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, Error> {
        self.with(|index| index.search(query))?
    }

    pub fn count(&self) -> Result<u64, Error> {
        self.with(|index| index.len() as u64)
    }

    pub fn recall(&self, keys: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        self.with(|index| index.recall(keys))?
    }

    pub fn keep(&self, vectors: &[Kept]) -> Result<(), Error> {
        self.with(|index| index.keep(vectors))?
    }
}
