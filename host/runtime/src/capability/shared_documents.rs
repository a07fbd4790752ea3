//! `shared-documents` and `shared-documents-write`: single collections and logs of the
//! tenant's other families, as far as the manifest names them.

use std::sync::Arc;

use openclaw_documents as store;
use openclaw_tenancy::Family;
use wasmtime::component::Resource;

use super::{
    CapabilityError,
    documents::{operation, visible},
};
use crate::{
    bindings::openclaw::gateway::{
        documents::{Document, Entry, Operation, Page, Range},
        shared_documents, shared_documents_write,
    },
    call::CallState,
    capability::calls::Call,
    component::Component,
    grant::Access,
    grants::Grants,
    manifest::SharedCollection as Named,
};

/// One collection of another family of the calling tenant, read only.
#[derive(Clone, Debug)]
pub struct SharedCollection {
    database: store::Database,
    name: String,
}

/// The logs of another family of the calling tenant that one name stands for, read only.
#[derive(Clone, Debug)]
pub struct SharedLogs {
    database: store::Database,
    named: Named,
}

/// What the component may write of another family of the calling tenant.
#[derive(Clone, Debug)]
pub struct SharedWriter {
    database: store::Database,
    family: Family,
}

impl CallState {
    fn shared(&self, collection: &Resource<SharedCollection>) -> Result<SharedCollection, CapabilityError> {
        self.tenant()?;
        Ok(self.table.get(collection)?.clone())
    }

    /// What the manifest names was granted when the component was installed, and may have been withdrawn since.
    fn granted_collection(&self, named: &Named) -> Result<(), CapabilityError> {
        if self.grants.allow_collection(named) {
            return Ok(());
        }
        let Named { family, collection, .. } = named;
        Err(CapabilityError::forbidden(format!("the collection {family}/{collection} is not granted")))
    }

    fn loaded(&self) -> Result<Arc<Component>, CapabilityError> {
        self.component.clone().ok_or_else(|| CapabilityError::forbidden("there is no call"))
    }
}

/// What the manifest names; nothing else is granted.
fn named(component: &Component) -> impl Iterator<Item = &Named> {
    component.manifest.shared_documents.iter()
}

impl shared_documents::Host for CallState {
    async fn open(
        &mut self,
        _call: Resource<Call>,
        family: String,
        collection: String,
    ) -> Result<Resource<SharedCollection>, CapabilityError> {
        let component = self.loaded()?;
        let Some(named) = named(&component).find(|named| named.reads(&family, &collection)) else {
            return Err(CapabilityError::forbidden(format!("the collection {family}/{collection} is not granted")));
        };
        self.granted_collection(named)?;
        visible(&collection)?;
        let database = self.database(&named.family)?;
        Ok(self.table.push(SharedCollection { database, name: collection })?)
    }

    async fn open_logs(
        &mut self,
        _call: Resource<Call>,
        family: String,
        name: String,
    ) -> Result<Resource<SharedLogs>, CapabilityError> {
        let component = self.loaded()?;
        let Some(named) = named(&component).find(|named| named.reads(&family, &name)) else {
            return Err(CapabilityError::forbidden(format!("the logs {family}/{name} are not granted")));
        };
        self.granted_collection(named)?;
        let database = self.database(&named.family)?;
        Ok(self.table.push(SharedLogs { database, named: named.clone() })?)
    }
}

impl CallState {
    /// The database of a log that the handle stands for.
    fn shared_log(&self, logs: &Resource<SharedLogs>, log: &str) -> Result<store::Database, CapabilityError> {
        self.tenant()?;
        let SharedLogs { database, named } = self.table.get(logs)?;
        if named.reads_log(log) {
            return Ok(database.clone());
        }
        Err(CapabilityError::forbidden(format!("the log {}/{log} is not granted", named.family)))
    }
}

impl shared_documents::HostLogs for CallState {
    async fn read(
        &mut self,
        logs: Resource<SharedLogs>,
        log: String,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, CapabilityError> {
        let entries = self.shared_log(&logs, &log)?.log_read(&log, after, limit).await?;
        Ok(entries.into_iter().map(Entry::from).collect())
    }

    async fn tail(
        &mut self,
        logs: Resource<SharedLogs>,
        log: String,
        limit: u32,
    ) -> Result<Vec<Entry>, CapabilityError> {
        let entries = self.shared_log(&logs, &log)?.log_tail(&log, limit).await?;
        Ok(entries.into_iter().map(Entry::from).collect())
    }

    async fn drop(&mut self, logs: Resource<SharedLogs>) -> wasmtime::Result<()> {
        self.table.delete(logs)?;
        Ok(())
    }
}

impl shared_documents::HostCollection for CallState {
    async fn get(
        &mut self,
        collection: Resource<SharedCollection>,
        key: String,
    ) -> Result<Option<Document>, CapabilityError> {
        let SharedCollection { database, name } = self.shared(&collection)?;
        Ok(database.get(&name, &key).await?.map(Document::from))
    }

    async fn scan(&mut self, collection: Resource<SharedCollection>, range: Range) -> Result<Page, CapabilityError> {
        let SharedCollection { database, name } = self.shared(&collection)?;
        Ok(database.scan(&name, range.into()).await?.into())
    }

    async fn count(&mut self, collection: Resource<SharedCollection>, prefix: String) -> Result<u64, CapabilityError> {
        let SharedCollection { database, name } = self.shared(&collection)?;
        Ok(database.count(&name, &prefix).await?)
    }

    async fn drop(&mut self, collection: Resource<SharedCollection>) -> wasmtime::Result<()> {
        self.table.delete(collection)?;
        Ok(())
    }
}

impl shared_documents_write::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>, family: String) -> Result<Resource<SharedWriter>, CapabilityError> {
        let component = self.loaded()?;
        let written = named(&component).find(|named| {
            named.access == Access::Write && named.family.as_str() == family && self.grants.allow_collection(named)
        });
        let Some(Named { family, .. }) = written else {
            return Err(CapabilityError::forbidden(format!("nothing of the family {family} is granted for writing")));
        };
        let database = self.database(family)?;
        Ok(self.table.push(SharedWriter { database, family: family.clone() })?)
    }
}

impl shared_documents_write::HostWriter for CallState {
    async fn transact(
        &mut self,
        writer: Resource<SharedWriter>,
        operations: Vec<Operation>,
    ) -> Result<Vec<u64>, CapabilityError> {
        self.tenant()?;
        let SharedWriter { database, family } = self.table.get(&writer)?.clone();
        let component = self.loaded()?;
        operations.iter().try_for_each(|operation| may_write(&component, &self.grants, &family, operation))?;
        let operations = operations.into_iter().map(operation).collect::<Result<Vec<_>, _>>()?;
        self.write(database, operations).await
    }

    async fn drop(&mut self, writer: Resource<SharedWriter>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        Ok(())
    }
}

/// Refuses an operation on a collection or log that is not granted for writing.
fn may_write(
    component: &Component,
    grants: &Grants,
    family: &Family,
    operation: &Operation,
) -> Result<(), CapabilityError> {
    let (name, is_log) = match operation {
        Operation::Put(put) => (&put.collection, false),
        Operation::Delete(delete) => (&delete.collection, false),
        Operation::Append(append) => (&append.log, true),
        Operation::Trim(trim) => (&trim.log, true),
    };
    let writes = |named: &&Named| match is_log {
        true => named.writes_log(family, name),
        false => named.writes(family, name),
    };
    let granted = named(component).filter(writes).any(|named| grants.allow_collection(named));
    granted.then_some(()).ok_or_else(|| CapabilityError::forbidden(format!("writing {family}/{name} is not granted")))
}
