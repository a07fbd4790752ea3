//! What the bare host answers: read once from a state directory, then from memory.

use anyhow::{Context, Result};
use openclaw_config::store::{FILE, Place, Subject};
use openclaw_documents::{DatabaseId, Order, Range as StoreRange};
use openclaw_runtime::ServicesParts;
use openclaw_tenancy::{Family, TenantId};
use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::{
    State,
    generated::openclaw::gateway::{calls, config, documents, files, shared_documents, tenancy, types},
};
use documents::{Document, Entry, Operation, Page, Range};
use types::Error;

type Answer<T> = wasmtime::Result<std::result::Result<T, Error>>;

/// In the forms that guests receive.
pub(crate) struct Answers {
    tenant: String,
    snapshot: Vec<u8>,
    config: Value,
    record: Vec<u8>,
    sessions: Vec<Document>,
}

impl Answers {
    pub(crate) async fn read(parts: &ServicesParts, tenant: &TenantId) -> Result<Self> {
        let record = parts.registry.get(tenant).context("no such tenant")?;
        let directory = parts.home.tenant_dir(tenant)?;
        let subject = Subject::Tenant(tenant.clone());
        let snapshot = parts.config.snapshot(Place { subject: &subject, directory: directory.root(), key: None });
        let mut shown = serde_json::to_value(&*snapshot)?;
        shown["path"] = FILE.into();
        shown["adminOnlyKeys"] = json!(openclaw_config::overlay::admin_only_keys());
        let family: Family = "sessions".parse()?;
        let (home, id) = (parts.home.clone(), tenant.clone());
        let owner = family.clone();
        let database = parts.documents.database(DatabaseId { tenant: tenant.clone(), family }, move || -> Result<_> {
            Ok(home.tenant_dir(&id)?.family(&owner)?.database)
        });
        let range =
            StoreRange { prefix: String::new(), after: None, skip: 0, limit: 100, order: Order::RankDescending };
        let page = database.scan("sessions", range).await?;
        let sessions = page.documents.into_iter();
        Ok(Self {
            tenant: tenant.to_string(),
            snapshot: serde_json::to_vec(&shown)?,
            config: snapshot.config.clone(),
            record: serde_json::to_vec(&json!({
                "tenantId": tenant.as_str(), "createdAt": record.created_at.to_string(), "disabled": false, "stateDir": ".",
            }))?,
            sessions: sessions
                .map(|row| Document { key: row.key, value: row.value, version: row.version, rank: row.rank })
                .collect(),
        })
    }

    fn page(&self, range: &Range) -> Page {
        Page { documents: self.sessions.iter().take(range.limit as usize).cloned().collect(), next: None }
    }

    fn find(&self, key: &str) -> Option<Document> {
        self.sessions.iter().find(|row| row.key == key).cloned()
    }

    fn count(&self, prefix: &str) -> u64 {
        self.sessions.iter().filter(|row| row.key.starts_with(prefix)).count() as u64
    }
}

/// A call that none of the measured methods makes.
fn unused<T>() -> Answer<T> {
    Err(wasmtime::Error::msg("the bare host does not serve this"))
}

impl types::Host for State {}
impl calls::Host for State {}

impl calls::HostCall for State {
    fn method(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<String> {
        Ok(self.method.to_owned())
    }
    fn tenant(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.answers.tenant.clone()))
    }
    fn family(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<String> {
        Ok(self.method.split('.').next().unwrap_or_default().to_owned())
    }
    fn request_id(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<String> {
        Ok("bench".to_owned())
    }
    fn is_operator(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<bool> {
        Ok(false)
    }
    fn scopes(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn remaining_ms(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<u64> {
        Ok(30_000)
    }
    fn cancelled(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<bool> {
        Ok(false)
    }
    fn drop(&mut self, _: Resource<calls::Call>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl config::Host for State {
    fn open(&mut self, _: Resource<calls::Call>) -> Answer<Resource<config::Settings>> {
        Ok(Ok(Resource::new_own(2)))
    }
}

impl config::HostSettings for State {
    fn snapshot(&mut self, _: Resource<config::Settings>) -> Answer<Vec<u8>> {
        Ok(Ok(self.answers.snapshot.clone()))
    }
    fn effective(&mut self, _: Resource<config::Settings>, pointer: String) -> Answer<Option<Vec<u8>>> {
        Ok(Ok(self.answers.config.pointer(&pointer).map(serde_json::to_vec).transpose()?))
    }
    fn schema(&mut self, _: Resource<config::Settings>) -> Answer<Vec<u8>> {
        unused()
    }
    fn drop(&mut self, _: Resource<config::Settings>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl tenancy::Host for State {
    fn open(&mut self, _: Resource<calls::Call>) -> Answer<Resource<tenancy::Registration>> {
        Ok(Ok(Resource::new_own(3)))
    }
}

impl tenancy::HostRegistration for State {
    fn record_json(&mut self, _: Resource<tenancy::Registration>) -> Answer<Vec<u8>> {
        Ok(Ok(self.answers.record.clone()))
    }
    fn drop(&mut self, _: Resource<tenancy::Registration>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl documents::Host for State {
    fn open(&mut self, _: Resource<calls::Call>) -> Answer<Resource<documents::Database>> {
        Ok(Ok(Resource::new_own(4)))
    }
}

impl documents::HostDatabase for State {
    fn get(&mut self, _: Resource<documents::Database>, _collection: String, key: String) -> Answer<Option<Document>> {
        Ok(Ok(self.answers.find(&key)))
    }
    fn get_many(
        &mut self,
        _: Resource<documents::Database>,
        _collection: String,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<Document>>> {
        Ok(Ok(keys.iter().map(|key| self.answers.find(key)).collect()))
    }
    fn scan(&mut self, _: Resource<documents::Database>, _collection: String, range: Range) -> Answer<Page> {
        Ok(Ok(self.answers.page(&range)))
    }
    fn count(&mut self, _: Resource<documents::Database>, _collection: String, prefix: String) -> Answer<u64> {
        Ok(Ok(self.answers.count(&prefix)))
    }
    fn transact(&mut self, _: Resource<documents::Database>, _: Vec<Operation>) -> Answer<Vec<u64>> {
        unused()
    }
    fn read_log(&mut self, _: Resource<documents::Database>, _: String, _: u64, _: u32) -> Answer<Vec<Entry>> {
        unused()
    }
    fn tail_log(&mut self, _: Resource<documents::Database>, _: String, _: u32) -> Answer<Vec<Entry>> {
        unused()
    }
    fn log_length(&mut self, _: Resource<documents::Database>, _: String) -> Answer<u64> {
        unused()
    }
    fn drop(&mut self, _: Resource<documents::Database>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl shared_documents::Host for State {
    fn open(
        &mut self,
        _: Resource<calls::Call>,
        _family: String,
        _collection: String,
    ) -> Answer<Resource<shared_documents::Collection>> {
        Ok(Ok(Resource::new_own(5)))
    }
    fn open_logs(
        &mut self,
        _: Resource<calls::Call>,
        _family: String,
        _name: String,
    ) -> Answer<Resource<shared_documents::Logs>> {
        unused()
    }
}

impl shared_documents::HostLogs for State {
    fn read(&mut self, _: Resource<shared_documents::Logs>, _: String, _: u64, _: u32) -> Answer<Vec<Entry>> {
        unused()
    }
    fn tail(&mut self, _: Resource<shared_documents::Logs>, _: String, _: u32) -> Answer<Vec<Entry>> {
        unused()
    }
    fn drop(&mut self, _: Resource<shared_documents::Logs>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl shared_documents::HostCollection for State {
    fn get(&mut self, _: Resource<shared_documents::Collection>, key: String) -> Answer<Option<Document>> {
        Ok(Ok(self.answers.find(&key)))
    }
    fn scan(&mut self, _: Resource<shared_documents::Collection>, range: Range) -> Answer<Page> {
        Ok(Ok(self.answers.page(&range)))
    }
    fn count(&mut self, _: Resource<shared_documents::Collection>, prefix: String) -> Answer<u64> {
        Ok(Ok(self.answers.count(&prefix)))
    }
    fn drop(&mut self, _: Resource<shared_documents::Collection>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl files::Host for State {
    fn open(&mut self, _: Resource<calls::Call>) -> Answer<Resource<files::Directory>> {
        Ok(Ok(Resource::new_own(6)))
    }
}

/// A directory in which nothing is.
impl files::HostDirectory for State {
    fn read(&mut self, _: Resource<files::Directory>, path: String, _: u64, _: u32) -> Answer<Vec<u8>> {
        let message = format!("there is no file {path}");
        Ok(Err(Error { code: "NOT_FOUND".to_owned(), message, data: None, retry_after_ms: None }))
    }
    fn metadata(&mut self, _: Resource<files::Directory>, _: String) -> Answer<Option<files::Metadata>> {
        Ok(Ok(None))
    }
    fn write(&mut self, _: Resource<files::Directory>, _: String, _: Vec<u8>) -> Answer<()> {
        unused()
    }
    fn append(&mut self, _: Resource<files::Directory>, _: String, _: Vec<u8>) -> Answer<u64> {
        unused()
    }
    fn list(
        &mut self,
        _: Resource<files::Directory>,
        _: String,
        _: Option<String>,
        _: u32,
    ) -> Answer<Vec<files::Entry>> {
        unused()
    }
    fn create_directory(&mut self, _: Resource<files::Directory>, _: String) -> Answer<()> {
        unused()
    }
    fn remove(&mut self, _: Resource<files::Directory>, _: String, _: bool) -> Answer<bool> {
        unused()
    }
    fn rename(&mut self, _: Resource<files::Directory>, _: String, _: String) -> Answer<()> {
        unused()
    }
    fn subdirectory(
        &mut self,
        _: Resource<files::Directory>,
        _: String,
        _: bool,
    ) -> Answer<Resource<files::Directory>> {
        unused()
    }
    fn drop(&mut self, _: Resource<files::Directory>) -> wasmtime::Result<()> {
        Ok(())
    }
}
