//! `shared-documents`: single collections and logs of the tenant's other families.

use super::calls::Call;
use super::documents::{Database, Document, Entry, Page, Range};
use super::types::Error;
use crate::testing::call::first_word;
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

pub struct Logs {
    database: Database,
    family: String,
    name: String,
}

pub fn open_logs(call: &Call, family: &str, name: &str) -> Result<Logs, Error> {
    call.0.may_read(family, name)?;
    Ok(Logs { database: Database::of(&call.0, family)?, family: family.to_owned(), name: name.to_owned() })
}

impl Logs {
    pub fn read(&self, log: &str, after: u64, limit: u32) -> Result<Vec<Entry>, Error> {
        self.check(log)?;
        self.database.read_log(log, after, limit)
    }

    pub fn tail(&self, log: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        self.check(log)?;
        self.database.tail_log(log, limit)
    }

    fn check(&self, log: &str) -> Result<(), Error> {
        match first_word(log) == self.name {
            true => Ok(()),
            false => Err(Error::forbidden(format!("the log {}/{log} is not granted", self.family))),
        }
    }
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
