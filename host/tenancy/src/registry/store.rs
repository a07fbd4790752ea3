//! What the registry writes down, and the seam behind which it does: `control.db` is the one
//! implementation, a database that several gateways share can be another.

mod sqlite;

use std::pin::Pin;
use std::sync::Arc;

use openclaw_control::{ControlError, Durability};

use super::{RegistryError, TenantRecord};
use crate::{Directory, DirectoryError, TenantId, TenantPath};

pub(super) use sqlite::SqliteTenants;

/// The answer to a write; it is durable then.
pub(super) type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, ControlError>> + Send + 'a>>;

/// A directory that is to be wiped.
pub(super) struct Deletion {
    /// The id of the tenant that it was of.
    pub(super) tenant: String,
    /// Its name until it is gone.
    pub(super) aside: String,
}

/// The rows of the registry. What reads is for the start, and blocks.
pub(super) trait TenantStore: Send + Sync {
    /// Every record, or the first that cannot be read.
    fn load(&self) -> Result<Vec<TenantRecord>, RegistryError>;

    /// Whether there ever was a tenant.
    fn had_tenants(&self) -> Result<bool, ControlError>;

    /// Deletions that were not ended.
    fn deletions(&self) -> Result<Vec<Deletion>, ControlError>;

    /// What an answered write survives.
    fn durability(&self) -> Durability;

    /// Makes a row; answers its number, which no other ever has.
    fn insert(&self, record: TenantRecord) -> Stored<'_, u64>;

    /// Writes everything of a row that can change, but the time it was last seen.
    fn update(&self, record: Arc<TenantRecord>) -> Stored<'_, ()>;

    /// Writes when rows were last seen, in milliseconds since 1970.
    fn set_last_seen(&self, rows: Vec<(u64, i64)>) -> Stored<'_, ()>;

    /// Removes a row and notes the directory that is to be wiped: both, or neither.
    fn delete(&self, row: u64, deletion: Option<Deletion>) -> Stored<'_, ()>;

    /// Forgets a deletion whose directory is gone.
    fn end_deletion(&self, aside: String) -> Stored<'_, ()>;

    /// The same at the start; blocks.
    fn end_deletion_blocking(&self, aside: String) -> Result<(), ControlError>;
}

/// A registry that never had a tenant does not belong to a home that has some.
pub(super) fn refuse_new_beside_tenants(
    store: Option<&dyn TenantStore>,
    tenants: &Directory,
) -> Result<(), RegistryError> {
    if store.map(TenantStore::had_tenants).transpose()?.unwrap_or(false) {
        return Ok(());
    }
    let entries = tenants.list(&TenantPath::root(), None, usize::MAX).map_err(RegistryError::Directory)?;
    for id in entries.iter().filter_map(|entry| entry.name.parse().ok()) {
        if holds_files(tenants, &id).map_err(RegistryError::Directory)? {
            return Err(RegistryError::Lost(id));
        }
    }
    Ok(())
}

/// Whether a directory of that id is there with anything but directories in it.
pub(super) fn holds_files(tenants: &Directory, id: &TenantId) -> Result<bool, DirectoryError> {
    match tenants.existing_subdirectory(&crate::home::fixed(id.as_str())) {
        Ok(directory) => directory.holds_files(),
        Err(DirectoryError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
