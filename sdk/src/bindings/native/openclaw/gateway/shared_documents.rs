//! `shared-documents`: single collections of the tenant's other families.

use super::calls::Call;
use super::documents::{Database, Document, Page, Range};
use super::types::Error;
use crate::testing::documents::visible;

pub struct Collection {
    database: Database,
    name: String,
}

pub fn open(call: &Call, family: &str, collection: &str) -> Result<Collection, Error> {
    call.0.may_read(family, collection)?;
    visible(collection)?;
    Ok(Collection { database: Database::of(&call.0, family)?, name: collection.to_owned() })
}

impl Collection {
    pub fn get(&self, key: &str) -> Result<Option<Document>, Error> {
        self.database.get(&self.name, key)
    }

    pub fn scan(&self, range: &Range) -> Result<Page, Error> {
        self.database.scan(&self.name, range)
    }

    pub fn count(&self, prefix: &str) -> Result<u64, Error> {
        self.database.count(&self.name, prefix)
    }
}
