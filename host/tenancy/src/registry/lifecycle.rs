//! A tenant's beginning and end.

use std::sync::Arc;

use jiff::{Timestamp, Unit};
use openclaw_control::Durability;
use serde_json::json;

use super::change::{action, check_display_name};
use super::record::LastSeen;
use super::store::Deletion;
use super::{Inner, Registry, RegistryError, TenantRecord, WhatChanged, deletion, store};
use crate::home::fixed;
use crate::{Actor, DirectoryError, Home, Quotas, TenantId, Token, TokenHash, TokenKind};

/// What becomes of the files of a deleted tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantData {
    Wipe,
    /// The directory stays; no tenant of that id can be created beside it.
    Keep,
}

impl Registry {
    /// Makes a tenant, its directories and its token, which is shown this once.
    pub async fn create(
        &self,
        id: &TenantId,
        display_name: Option<String>,
        quotas: Quotas,
        actor: Actor,
    ) -> Result<(Arc<TenantRecord>, Token), RegistryError> {
        let token = Token::mint(id).map_err(RegistryError::Random)?;
        let record = draft(id, display_name, quotas, TokenKind::Minted, token.hash())?;
        Ok((self.add(record, actor).await?, token))
    }

    /// Makes a tenant that comes from the original product: its users keep
    /// their `tenant:<id>:<secret>`, of whose secret `hash` is the SHA-256.
    pub async fn import(
        &self,
        id: &TenantId,
        display_name: Option<String>,
        quotas: Quotas,
        hash: TokenHash,
        actor: Actor,
    ) -> Result<Arc<TenantRecord>, RegistryError> {
        let record = draft(id, display_name, quotas, TokenKind::Imported, hash)?;
        self.add(record, actor).await
    }

    /// Ends a tenant: its token is void and its connections are told before
    /// its files go. When this returns they are gone; the audit log stays.
    ///
    /// `forget` runs while nobody can make a namesake yet, which what was kept
    /// of the tenant elsewhere would be taken for.
    ///
    /// # Errors
    /// `NotFound` too where there is such a namesake already.
    pub async fn delete(
        &self,
        tenant: &TenantRecord,
        data: TenantData,
        actor: Actor,
        forget: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let (registry, id, row) = (self.clone(), tenant.id.clone(), tenant.row);
        self.to_the_end(async move {
            let aside = deletion::aside(&id)?;
            let guard = registry.inner.lock(&id).await;
            registry.remove_and_move(&id, row, data, &aside).await?;
            forget.await;
            drop(guard);
            let detail = json!({ "dataDeleted": data == TenantData::Wipe });
            registry.record(actor, &id, action(WhatChanged::Deleted), detail).await?;
            if data == TenantData::Keep {
                return Ok(());
            }
            let name = aside.clone();
            registry
                .blocking(move |inner| deletion::wipe(&inner.tenants, &name).map_err(RegistryError::Directory))
                .await?;
            Ok(registry.inner.store.end_deletion(aside).await?)
        })
        .await
    }

    async fn remove_and_move(
        &self,
        id: &TenantId,
        row: u64,
        data: TenantData,
        aside: &str,
    ) -> Result<(), RegistryError> {
        let inner = &self.inner;
        self.get(id).filter(|now| now.row == row).ok_or_else(|| RegistryError::NotFound(id.clone()))?;
        let deletion = match data {
            TenantData::Wipe => Some(Deletion { tenant: id.as_str().to_owned(), aside: aside.to_owned() }),
            TenantData::Keep => None,
        };
        inner.store.delete(row, deletion).await?;
        inner.forget(id);
        inner.announce(id, row, WhatChanged::Deleted);
        if data == TenantData::Wipe {
            let (name, place) = (id.clone(), aside.to_owned());
            self.blocking(move |inner| {
                deletion::move_aside(&inner.tenants, name.as_str(), &place).map_err(RegistryError::Directory)
            })
            .await?;
        }
        Ok(())
    }

    async fn add(&self, mut record: TenantRecord, actor: Actor) -> Result<Arc<TenantRecord>, RegistryError> {
        let registry = self.clone();
        self.to_the_end(async move {
            let inner = &registry.inner;
            let id = record.id.clone();
            let guard = inner.lock(&id).await;
            if registry.get(&id).is_some() {
                return Err(RegistryError::Exists(id));
            }
            let name = id.clone();
            registry.blocking(move |inner| inner.claim(&name)).await?;
            // A failure here leaves directories without files, which the next
            // attempt takes over.
            record.row = inner.store.insert(record.clone()).await?;
            let record = Arc::new(record);
            inner.insert(Arc::clone(&record));
            inner.announce(&id, record.row, WhatChanged::Created);
            drop(guard);
            let detail = json!({
                "displayName": record.display_name,
                "quotas": *record.quotas,
                "token": record.hash.id().to_string(),
            });
            registry.record(actor, &id, action(WhatChanged::Created), detail).await?;
            Ok(record)
        })
        .await
    }
}

impl Inner {
    /// Makes a new tenant's directories. One that is there already is taken
    /// only where it holds no file: never another tenant's leavings.
    fn claim(&self, id: &TenantId) -> Result<(), RegistryError> {
        match store::holds_files(&self.tenants, id) {
            Ok(false) => {}
            Ok(true) | Err(DirectoryError::Link | DirectoryError::NotDirectory) => {
                return Err(RegistryError::DirectoryInUse(id.clone()));
            }
            Err(error) => return Err(RegistryError::Directory(error)),
        }
        Home::make_tenant_tree(&self.tenants, id)
            .and_then(|()| match self.store.durability() {
                Durability::Process => Ok(()),
                Durability::PowerSafe => {
                    self.tenants.subdirectory(&fixed(id.as_str()))?.sync()?;
                    self.tenants.sync()
                }
            })
            .map_err(RegistryError::Directory)
    }
}

fn draft(
    id: &TenantId,
    display_name: Option<String>,
    quotas: Quotas,
    token_kind: TokenKind,
    hash: TokenHash,
) -> Result<TenantRecord, RegistryError> {
    check_display_name(display_name.as_deref())?;
    let now = Timestamp::now();
    Ok(TenantRecord {
        id: id.clone(),
        row: 0,
        display_name,
        // Stored in milliseconds, so shown the same before and after a restart.
        created_at: now.round(Unit::Millisecond).unwrap_or(now),
        disabled: false,
        quotas: Arc::new(quotas),
        token_kind,
        generation: 1,
        hash,
        last_seen: Arc::new(LastSeen::default()),
    })
}
