//! Wiping the directory of a deleted tenant.
//!
//! The directory is first renamed within `tenants/`, so that its id is free at
//! once and nothing finds it any more; the registry holds the name until
//! it is gone. What a crash left is ended at the next start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::store::{Deletion, TenantStore};
use super::{RegistryError, TenantRecord};
use crate::home::fixed;
use crate::{Directory, DirectoryError, TenantId};

/// A new name for the directory of a tenant that is being deleted. No id
/// begins with a dot.
pub(super) fn aside(id: &TenantId) -> Result<String, RegistryError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(RegistryError::Random)?;
    Ok(format!(".deleted-{id}-{}", hex::encode(random)))
}

pub(super) fn move_aside(tenants: &Directory, id: &str, aside: &str) -> Result<(), DirectoryError> {
    absent_is_fine(tenants.rename(&fixed(id), &fixed(aside)))
}

pub(super) fn wipe(tenants: &Directory, aside: &str) -> Result<(), DirectoryError> {
    absent_is_fine(tenants.remove(&fixed(aside), true))
}

/// Ends what was begun before the last stop.
pub(super) fn finish(
    store: &dyn TenantStore,
    tenants: &Directory,
    records: &BTreeMap<TenantId, Arc<TenantRecord>>,
) -> Result<(), RegistryError> {
    for Deletion { tenant: id, aside } in store.deletions()? {
        let unreadable = |reason: String| RegistryError::Row { row: 0, reason };
        let tenant: TenantId = id.parse().map_err(|error| unreadable(format!("deletion of {id:?}: {error}")))?;
        let place = aside.parse().map_err(|error| unreadable(format!("deletion of {id:?}: {error}")))?;
        let moved = tenants.metadata(&place).map_err(RegistryError::Directory)?;
        // Where the move was done, or a new tenant has the id, what bears the
        // id is not what was to be deleted.
        let pending = moved.is_none() && !records.contains_key(&tenant);
        let done = if pending {
            move_aside(tenants, &id, &aside).and_then(|()| wipe(tenants, &aside))
        } else {
            wipe(tenants, &aside)
        };
        done.map_err(RegistryError::Directory)?;
        store.end_deletion_blocking(aside)?;
    }
    Ok(())
}

fn absent_is_fine(result: Result<(), DirectoryError>) -> Result<(), DirectoryError> {
    match result {
        Err(DirectoryError::NotFound) => Ok(()),
        result => result,
    }
}
