//! Changes of a tenant that stays.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Inner, Registry, RegistryError, TenantRecord, WhatChanged};
use crate::{Actor, AuditEvent, TenantId, Token, TokenKind};

/// Most characters of a display name.
const LONGEST_NAME: usize = 200;

impl Registry {
    /// Gives the tenant a new token; the old one is void when this returns.
    pub async fn rotate(&self, id: &TenantId, actor: Actor) -> Result<Token, RegistryError> {
        let token = Token::mint(id).map_err(RegistryError::Random)?;
        let hash = token.hash();
        self.change(id, actor, WhatChanged::Rotated, move |record| {
            record.hash = hash;
            record.token_kind = TokenKind::Minted;
            record.generation += 1;
            Ok(Some(json!({ "token": hash.id().to_string() })))
        })
        .await?;
        Ok(token)
    }

    /// Lets the tenant in, or no longer.
    pub async fn set_disabled(
        &self,
        id: &TenantId,
        disabled: bool,
        actor: Actor,
    ) -> Result<Arc<TenantRecord>, RegistryError> {
        let what = if disabled { WhatChanged::Disabled } else { WhatChanged::Enabled };
        self.change(id, actor, what, move |record| {
            let before = std::mem::replace(&mut record.disabled, disabled);
            Ok((before != disabled).then(|| json!({})))
        })
        .await
    }

    /// Sets or removes the name shown to people.
    pub async fn set_display_name(
        &self,
        id: &TenantId,
        display_name: Option<String>,
        actor: Actor,
    ) -> Result<Arc<TenantRecord>, RegistryError> {
        check_display_name(display_name.as_deref())?;
        self.change(id, actor, WhatChanged::Updated, move |record| {
            let detail = json!({ "displayName": display_name });
            let before = std::mem::replace(&mut record.display_name, display_name);
            Ok((before != record.display_name).then_some(detail))
        })
        .await
    }

    /// Changes the quotas that `patch` names, as [`Quotas::merge`] says: of two
    /// changes at once, neither undoes the other.
    pub async fn patch_quotas(
        &self,
        id: &TenantId,
        patch: Value,
        actor: Actor,
    ) -> Result<Arc<TenantRecord>, RegistryError> {
        self.change(id, actor, WhatChanged::Quota, move |record| {
            let quotas = record.quotas.merge(&patch)?;
            let detail = json!({ "quotas": quotas });
            let before = std::mem::replace(&mut record.quotas, Arc::new(quotas));
            Ok((before != record.quotas).then_some(detail))
        })
        .await
    }

    /// Applies `f` to a copy of the record, commits it, then shows it. `f`
    /// answers the audit log's detail, `None` where nothing is to change; an
    /// error of it changes nothing.
    async fn change(
        &self,
        id: &TenantId,
        actor: Actor,
        what: WhatChanged,
        f: impl FnOnce(&mut TenantRecord) -> Result<Option<Value>, RegistryError> + Send + 'static,
    ) -> Result<Arc<TenantRecord>, RegistryError> {
        let (registry, id) = (self.clone(), id.clone());
        self.to_the_end(async move {
            let inner = &registry.inner;
            let guard = inner.lock(&id).await;
            let current = registry.get(&id).ok_or_else(|| RegistryError::NotFound(id.clone()))?;
            let mut changed = TenantRecord::clone(&current);
            let Some(detail) = f(&mut changed)? else {
                return Ok(current);
            };
            let changed = Arc::new(changed);
            inner.store.update(Arc::clone(&changed)).await?;
            inner.insert(Arc::clone(&changed));
            inner.announce(&id, current.row, what);
            drop(guard);
            registry.record(actor, &id, action(what), detail).await?;
            Ok(changed)
        })
        .await
    }

    /// Runs a change in a task of its own, which ends even when the caller
    /// does not wait for it.
    pub(super) async fn to_the_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
    ) -> Result<T, RegistryError> {
        tokio::spawn(change).await.unwrap_or(Err(RegistryError::Ended))
    }

    /// Appends to the audit log, on a thread that may block.
    pub(super) async fn record(
        &self,
        actor: Actor,
        id: &TenantId,
        action: &'static str,
        detail: Value,
    ) -> Result<(), RegistryError> {
        let event = AuditEvent { actor, tenant: Some(id.clone()), action, detail };
        self.blocking(move |inner| Ok(inner.audit.append(event)?)).await
    }

    /// Runs file work on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.unwrap_or(Err(RegistryError::Ended))
    }
}

pub(super) fn check_display_name(name: Option<&str>) -> Result<(), RegistryError> {
    match name {
        Some(name)
            if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) =>
        {
            Err(RegistryError::DisplayName)
        }
        _ => Ok(()),
    }
}

pub(super) const fn action(what: WhatChanged) -> &'static str {
    match what {
        WhatChanged::Created => "tenant.create",
        WhatChanged::Updated => "tenant.update",
        WhatChanged::Quota => "tenant.quota",
        WhatChanged::Rotated => "tenant.rotate",
        WhatChanged::Disabled => "tenant.disable",
        WhatChanged::Enabled => "tenant.enable",
        WhatChanged::Deleted => "tenant.delete",
    }
}
