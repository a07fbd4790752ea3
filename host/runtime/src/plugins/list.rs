//! What serves, and what is kept beside it.

use std::sync::Arc;

use openclaw_tenancy::{Family, TenantId};

use crate::{
    LoadError,
    binding::{BindingScope, Origin, Version},
    layers::Slot,
};

use super::{Entry, Plugins, State};

/// A line of `components.list`.
#[derive(Debug)]
pub struct Listed {
    /// The family.
    pub family: Family,
    /// What is stored of it; none for what came with the gateway.
    pub entry: Option<Entry>,
    /// What is loaded of it.
    pub version: Option<Arc<Version>>,
    /// Why it cannot be loaded.
    pub error: Option<Arc<LoadError>>,
}

impl Plugins {
    /// The versions that serve a tenant, or everyone; those that cannot be loaded are left out.
    pub async fn serving(&self, tenant: Option<&TenantId>) -> Vec<Arc<Version>> {
        let slots = self.layers.load().serving(tenant);
        let mut serving = Vec::new();
        for slot in slots {
            let mut next = Some(slot);
            while let Some(slot) = next.take() {
                let Ok(bound) = self.bound(&slot).await else { break };
                match (&bound.active, &slot.scope) {
                    (Some(version), _) => serving.push(version.clone()),
                    (None, Some(scope)) => {
                        next = self.layers.load().below(scope, tenant, slot.family.as_str()).cloned();
                    }
                    (None, None) => {}
                }
            }
        }
        serving
    }

    /// Everything that `components.list` tells of a tenant, or of one scope.
    pub async fn list(&self, tenant: Option<&TenantId>, scope: &BindingScope) -> Vec<Listed> {
        let mut lines = Vec::new();
        for version in self.serving(tenant).await {
            if !matches!(&version.origin, Origin::Installed(of) if of == scope) {
                let family = version.component.manifest.family.clone();
                lines.push(Listed { family, entry: None, version: Some(version), error: None });
            }
        }
        let own: Vec<Arc<Slot>> = self.layers.load().all_in(scope).cloned().collect();
        for slot in own {
            let _ = self.bound(&slot).await;
            lines.extend(slot.entries.iter().map(|entry| listed(&slot, entry)));
        }
        lines.sort_by(|a, b| a.family.cmp(&b.family));
        lines
    }
}

fn listed(slot: &Slot, entry: &Entry) -> Listed {
    let loaded = slot.loaded();
    let canary = loaded.and_then(|bound| bound.canary.as_ref()).map(|canary| &canary.version);
    let loaded = loaded.and_then(|bound| bound.active.as_ref()).into_iter().chain(canary);
    let version = loaded.into_iter().find(|version| version.component.digest == entry.row.digest).cloned();
    let serves = matches!(entry.row.state, State::Active | State::Canary);
    let error = slot.error().filter(|_| serves);
    Listed { family: slot.family.clone(), entry: Some(entry.clone()), version, error }
}
