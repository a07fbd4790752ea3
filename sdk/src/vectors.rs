//! A vector index of the tenant and the handler's family, with full-text search.

#![allow(clippy::disallowed_methods, reason = "what the family itself wrote, into a type of the handler")]

use crate::bindings::openclaw::gateway::vectors as raw;
use crate::{Call, Result};
use serde::de::DeserializeOwned;

pub use raw::{Hit, Item, Kept, Query};

/// One index.
pub struct Index(pub(crate) raw::Index);

impl Call {
    /// Opens the index of that name, made at its first use.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted, INVALID_REQUEST when the
    /// index has another number of dimensions.
    pub fn vectors(&self, name: &str, dimensions: u32) -> Result<Index> {
        raw::open(self, name, dimensions).map(Index)
    }

    /// Removes the index of that name with all that is in it; false where there is none.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted, UNAVAILABLE.
    pub fn remove_vectors(&self, name: &str) -> Result<bool> {
        raw::remove(self, name)
    }
}

impl Hit {
    /// The attributes as the handler's own type.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.attributes)?)
    }
}

impl Index {
    /// Adds items, or replaces those of the same id.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit, the number of dimensions), UNAVAILABLE.
    pub fn upsert(&self, items: &[Item]) -> Result<()> {
        self.0.upsert(items)
    }

    /// Removes items; answers how many there were.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn delete(&self, ids: &[String]) -> Result<u32> {
        self.0.delete(ids)
    }

    /// The nearest items, the nearest first.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit, the number of dimensions), UNAVAILABLE.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        self.0.search(query)
    }

    /// How many items there are.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn count(&self) -> Result<u64> {
        self.0.count()
    }

    /// The vectors that are kept under these keys, in their order.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), UNAVAILABLE.
    pub fn recall(&self, keys: &[String]) -> Result<Vec<Option<Vec<f32>>>> {
        let kept = self.0.recall(keys)?;
        Ok(kept.into_iter().map(|vector| Some(vector).filter(|vector| !vector.is_empty())).collect())
    }

    /// Keeps vectors, so that the same text need not be embedded again.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit, the number of dimensions), UNAVAILABLE.
    pub fn keep(&self, vectors: &[Kept]) -> Result<()> {
        self.0.keep(vectors)
    }
}
