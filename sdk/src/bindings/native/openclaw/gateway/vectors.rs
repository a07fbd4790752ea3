//! `vectors`: an index of the family, searched item by item.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use crate::testing::vectors::Items;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::vectors::{Hit, Item, Query};

pub struct Index {
    facts: Rc<Facts>,
    name: (String, String),
}

pub fn open(call: &Call, name: &str, dimensions: u32) -> Result<Index, Error> {
    call.0.granted("vectors")?;
    call.0.tenant()?;
    let name = (call.0.family().to_owned(), name.to_owned());
    let mut indexes = call.0.state.vectors.borrow_mut();
    let found = indexes.entry(name.clone()).or_insert_with(|| Items::new(dimensions));
    found.check_dimensions(dimensions as usize)?;
    Ok(Index { facts: Rc::clone(&call.0), name })
}

impl Index {
    fn with<T>(&self, act: impl FnOnce(&mut Items) -> T) -> Result<T, Error> {
        let mut indexes = self.facts.state.vectors.borrow_mut();
        indexes.get_mut(&self.name).map(act).ok_or_else(|| Error::not_found("the index is gone"))
    }

    pub fn upsert(&self, items: &[Item]) -> Result<(), Error> {
        self.with(|index| index.upsert(items))?
    }

    pub fn delete(&self, ids: &[String]) -> Result<u32, Error> {
        self.with(|index| index.delete(ids))
    }

    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, Error> {
        self.with(|index| index.search(query))?
    }

    pub fn count(&self) -> Result<u64, Error> {
        self.with(|index| index.len() as u64)
    }
}
