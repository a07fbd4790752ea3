//! The end of a tenant, and of what goes on of it.

use std::sync::Arc;

use openclaw_config::store::Subject as ConfigSubject;
use openclaw_tenancy::{Actor, RegistryError, TenantData, TenantId, TenantRecord};
use serde_json::{json, value::RawValue};

use super::Services;

impl Services {
    /// Wipes a tenant: its databases are closed first, its row and directory go together. `forget` is for what
    /// others keep of it, before there can be a namesake.
    pub async fn delete_tenant(
        self: &Arc<Self>,
        tenant: &Arc<TenantRecord>,
        actor: Actor,
        forget: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let (indexes, id) = (self.indexes.clone(), tenant.id.clone());
        let closing = tokio::task::spawn_blocking(move || indexes.close_tenant(&id));
        let closed = (self.documents.close_tenant(&tenant.id).await, closing.await);
        // What still writes there is not to outlive what it writes to.
        self.end_apart(tenant.row);
        let (services, gone, row) = (self.clone(), tenant.id.clone(), tenant.row);
        let forget = async move {
            services.end_apart(row);
            forget.await;
            services.forget(&gone).await;
            drop(closed);
        };
        self.registry.delete(tenant, TenantData::Wipe, actor, forget).await
    }

    /// Ends what goes on of a tenant for longer than a short call: its workloads, terminals, tasks and long calls.
    pub fn end_apart(&self, row: u64) {
        self.sandboxes.end(row);
        self.tasks.end_of(row);
        self.long_calls.end_of(row);
    }

    /// Ends all tasks: the gateway stops.
    pub fn close_tasks(&self) {
        self.tasks.close();
    }

    async fn forget(&self, tenant: &TenantId) {
        self.tenants().remove(tenant);
        self.config.forget(&ConfigSubject::Tenant(tenant.clone()));
        if let Err(error) = self.usage.forget(tenant).await {
            tracing::warn!(%tenant, %error, "the usage rows of a deleted tenant stay");
        }
        self.forget_measure(tenant);
        self.disks.forget(tenant);
        self.admission.forget(tenant);
        self.rates.forget(tenant);
        let told = json!({ "tenantId": tenant.as_str(), "what": "deleted" });
        if let Ok(told) = RawValue::from_string(told.to_string()) {
            self.events.publish(tenant, "tenant.changed", told);
        }
        self.events.forget(tenant);
    }
}
