//! `documents`: the family's own database.

use openclaw_documents as store;
use openclaw_tenancy::Family;
use serde_json::{Map, Value};
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::documents::{self, Document, Entry, Expectation, Operation, Order, Page, Range},
    call::CallState,
    capability::calls::Call,
};

/// Collections that only the host reads (sealed secrets) begin with this.
pub(crate) const HIDDEN: char = '~';

/// The database of the calling tenant and the component's own family.
#[derive(Clone, Debug)]
pub struct OwnDatabase(store::Database);

impl documents::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<OwnDatabase>, CapabilityError> {
        let database = self.own_database()?;
        Ok(self.table.push(OwnDatabase(database))?)
    }
}

impl CallState {
    /// The database that belongs to this call's tenant and component.
    pub(crate) fn own_database(&self) -> Result<store::Database, CapabilityError> {
        self.database(self.own_family()?)
    }

    /// The database of this call's tenant and a family; what reading it takes is this call's time.
    pub(super) fn database(&self, family: &Family) -> Result<store::Database, CapabilityError> {
        Ok(self.services.database(self.tenant()?, family).metered(self.meter.elsewhere()))
    }

    fn opened(&self, database: &Resource<OwnDatabase>) -> Result<store::Database, CapabilityError> {
        self.tenant()?;
        Ok(self.table.get(database)?.0.clone())
    }
}

impl CallState {
    /// A transaction within the tenant's `disk_bytes`; one that only removes is never refused.
    pub(super) async fn write(
        &mut self,
        database: store::Database,
        operations: Vec<store::Operation>,
    ) -> Result<Vec<u64>, CapabilityError> {
        let _room = self.room_for(operations.iter().map(store::Operation::bytes).sum()).await?;
        let frees = operations.iter().any(store::Operation::frees);
        let numbers = database.transact(operations).await?;
        if frees {
            self.services.disks.freed(self.tenant()?);
        }
        Ok(numbers)
    }
}

impl documents::HostDatabase for CallState {
    async fn get(
        &mut self,
        database: Resource<OwnDatabase>,
        collection: String,
        key: String,
    ) -> Result<Option<Document>, CapabilityError> {
        visible(&collection)?;
        Ok(self.opened(&database)?.get(&collection, &key).await?.map(Document::from))
    }

    async fn get_many(
        &mut self,
        database: Resource<OwnDatabase>,
        collection: String,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Document>>, CapabilityError> {
        visible(&collection)?;
        let found = self.opened(&database)?.get_many(&collection, keys).await?;
        Ok(found.into_iter().map(|document| document.map(Document::from)).collect())
    }

    async fn scan(
        &mut self,
        database: Resource<OwnDatabase>,
        collection: String,
        range: Range,
    ) -> Result<Page, CapabilityError> {
        visible(&collection)?;
        Ok(self.opened(&database)?.scan(&collection, range.into()).await?.into())
    }

    async fn count(
        &mut self,
        database: Resource<OwnDatabase>,
        collection: String,
        prefix: String,
    ) -> Result<u64, CapabilityError> {
        visible(&collection)?;
        Ok(self.opened(&database)?.count(&collection, &prefix).await?)
    }

    async fn transact(
        &mut self,
        database: Resource<OwnDatabase>,
        operations: Vec<Operation>,
    ) -> Result<Vec<u64>, CapabilityError> {
        let operations = operations.into_iter().map(operation).collect::<Result<Vec<_>, _>>()?;
        let database = self.opened(&database)?;
        self.write(database, operations).await
    }

    async fn read_log(
        &mut self,
        database: Resource<OwnDatabase>,
        log: String,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, CapabilityError> {
        let entries = self.opened(&database)?.log_read(&log, after, limit).await?;
        Ok(entries.into_iter().map(Entry::from).collect())
    }

    async fn tail_log(
        &mut self,
        database: Resource<OwnDatabase>,
        log: String,
        limit: u32,
    ) -> Result<Vec<Entry>, CapabilityError> {
        let entries = self.opened(&database)?.log_tail(&log, limit).await?;
        Ok(entries.into_iter().map(Entry::from).collect())
    }

    async fn log_length(&mut self, database: Resource<OwnDatabase>, log: String) -> Result<u64, CapabilityError> {
        Ok(self.opened(&database)?.log_length(&log).await?)
    }

    async fn drop(&mut self, database: Resource<OwnDatabase>) -> wasmtime::Result<()> {
        self.table.delete(database)?;
        Ok(())
    }
}

pub(super) fn visible(collection: &str) -> Result<(), CapabilityError> {
    if collection.starts_with(HIDDEN) {
        return Err(CapabilityError::invalid(format!("a collection's name does not begin with {HIDDEN}")));
    }
    Ok(())
}

pub(super) fn operation(operation: Operation) -> Result<store::Operation, CapabilityError> {
    Ok(match operation {
        Operation::Put(put) => {
            visible(&put.collection)?;
            store::Operation::Put {
                collection: put.collection,
                key: put.key,
                value: put.value,
                rank: put.rank,
                expect: put.expect.into(),
            }
        }
        Operation::Delete(delete) => {
            visible(&delete.collection)?;
            store::Operation::Delete { collection: delete.collection, key: delete.key, expect: delete.expect.into() }
        }
        Operation::Append(append) => store::Operation::Append { log: append.log, entries: append.entries },
        Operation::Trim(trim) => store::Operation::TrimLog { log: trim.log, keep_last: trim.keep },
    })
}

impl From<Expectation> for store::Expectation {
    fn from(expectation: Expectation) -> Self {
        match expectation {
            Expectation::Any => Self::Any,
            Expectation::Absent => Self::Absent,
            Expectation::Version(version) => Self::Version(version),
        }
    }
}

impl From<Range> for store::Range {
    fn from(range: Range) -> Self {
        let order = match range.order {
            Order::KeyAscending => store::Order::KeyAscending,
            Order::KeyDescending => store::Order::KeyDescending,
            Order::RankAscending => store::Order::RankAscending,
            Order::RankDescending => store::Order::RankDescending,
        };
        Self { prefix: range.prefix, after: range.after, skip: range.skip, limit: range.limit, order }
    }
}

impl From<store::Document> for Document {
    fn from(document: store::Document) -> Self {
        Self { key: document.key, value: document.value, version: document.version, rank: document.rank }
    }
}

impl From<store::Page> for Page {
    fn from(page: store::Page) -> Self {
        Self { documents: page.documents.into_iter().map(Document::from).collect(), next: page.next }
    }
}

impl From<store::LogEntry> for Entry {
    fn from(entry: store::LogEntry) -> Self {
        Self { sequence: entry.sequence, value: entry.value }
    }
}

impl From<store::Error> for CapabilityError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { ref key, current } => {
                let data =
                    Map::from_iter([("key".into(), Value::from(key.as_str())), ("current".into(), current.into())]);
                Self::new("CONFLICT", error.to_string()).with_data(data)
            }
            store::Error::TooLarge { .. }
            | store::Error::BadName { .. }
            | store::Error::BadCursor
            | store::Error::BadLimit { .. } => Self::invalid(error.to_string()),
            store::Error::Damaged { .. } => Self::unavailable(error.to_string()),
            store::Error::Busy => Self::unavailable(error.to_string()).retry_after(1000),
            store::Error::Full => Self::full(error.to_string()),
            store::Error::Io { reason } => Self::internal(reason),
        }
    }
}
