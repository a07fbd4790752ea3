//! The host's side of `wit/`: one file an interface.
//!
//! Every capability is opened from the `call` that the handler was lent, and is
//! for that call's tenant and the component's own family. No function here
//! takes a tenant's name from the guest.

pub(crate) mod calls;
mod clock;
pub(crate) mod config;
pub(crate) mod documents;
pub(crate) mod embeddings;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod http;
mod log;
pub(crate) mod methods;
pub(crate) mod model;
pub(crate) mod pty;
pub(crate) mod sandbox;
pub(crate) mod secrets;
pub(crate) mod shared_documents;
pub(crate) mod tasks;
pub(crate) mod tenancy;
pub(crate) mod usage;
pub(crate) mod vectors;
mod wasi_files;

use std::sync::Arc;

use openclaw_tenancy::{Family, TenantRecord};
use serde_json::Value;
use wasmtime::component::{HasSelf, Linker};

use crate::{
    bindings::{Gateway, openclaw::gateway::types},
    call::{CallFacts, CallState},
    disk::Room,
    error::{CapabilityError, DELETED, QUOTA_EXCEEDED},
    services::Services,
};

impl types::Host for CallState {
    fn convert_error(&mut self, error: CapabilityError) -> wasmtime::Result<types::Error> {
        match error {
            CapabilityError::Refused(refusal) => Ok(types::Error {
                code: refusal.code,
                message: refusal.message,
                data: refusal.data.map(|data| Value::Object(data).to_string()),
                retry_after_ms: refusal.retry_after_ms,
            }),
            CapabilityError::Internal(error) => {
                let request_id = self.facts.as_ref().map(|facts| &*facts.request_id);
                let tenant =
                    self.facts.as_ref().and_then(|facts| facts.subject.tenant()).map(|tenant| tenant.id.as_str());
                tracing::error!(request_id, tenant, error, "a capability failed");
                Ok(types::Error {
                    code: "INTERNAL".into(),
                    message: "the gateway could not do this: its log has more".into(),
                    data: None,
                    retry_after_ms: None,
                })
            }
            CapabilityError::Trap(error) => Err(error),
        }
    }
}

impl CallState {
    pub(crate) fn call(&self) -> Result<&CallFacts, CapabilityError> {
        self.facts.as_ref().ok_or_else(|| CapabilityError::forbidden("there is no call to open a capability from"))
    }

    /// The family whose state this call may open.
    pub(crate) fn own_family(&self) -> Result<&Family, CapabilityError> {
        self.family().ok_or_else(|| CapabilityError::forbidden("there is no call to open a capability from"))
    }

    /// Refuses an interface that the binding is not granted: it was withdrawn since the component was installed.
    pub(crate) fn granted(&self, interface: &str) -> Result<(), CapabilityError> {
        if self.grants.allow_interface(interface) {
            return Ok(());
        }
        Err(CapabilityError::forbidden(format!("{interface} is not granted to this component")))
    }

    /// The tenant that this call is for, as long as it is there: one that was made
    /// anew under the same name meanwhile is another tenant.
    pub(crate) fn tenant(&self) -> Result<&Arc<TenantRecord>, CapabilityError> {
        let tenant = self.call()?.subject.tenant().ok_or_else(|| {
            CapabilityError::invalid("this call is for no tenant: name one (header X-OpenClaw-Tenant, or --tenant)")
        })?;
        if self.services.registry.get(&tenant.id).is_none_or(|now| now.row != tenant.row) {
            return Err(CapabilityError::forbidden(DELETED));
        }
        Ok(tenant)
    }

    /// The same, as long as its token opens something: for what outlives a call, reaches out or costs something.
    pub(crate) fn current_tenant(&self) -> Result<&Arc<TenantRecord>, CapabilityError> {
        let tenant = self.tenant()?;
        self.services.check_current(tenant)?;
        Ok(tenant)
    }
}

impl CallState {
    /// Runs work of this call that blocks, in its tenant's turn.
    pub(crate) async fn off_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Services, &CallFacts) -> Result<T, CapabilityError> + Send + 'static,
    ) -> Result<T, CapabilityError> {
        let (services, call) = (self.services.clone(), self.call()?.clone());
        let tenant = call.subject.tenant().map(|tenant| tenant.id.clone());
        self.services.admission.off_thread(tenant.as_ref(), move || work(&services, &call)).await?
    }

    /// Room for a write of the calling tenant. The refusal is counted, once a call, before anyone hears of it.
    pub(crate) async fn room_for(&mut self, bytes: u64) -> Result<Room, CapabilityError> {
        let tenant = self.tenant()?.clone();
        let refusal = match self.services.take_room(&tenant, bytes).await? {
            Ok(room) => return Ok(room),
            Err(refusal) => refusal,
        };
        if self.over_quota.is_none() {
            let recorded = self.services.usage.record_refusal(&tenant.id, refusal.quota, self.services.now().wall);
            recorded.await.map_err(CapabilityError::internal)?;
        }
        let message = refusal.said();
        self.over_quota = Some(Box::new(refusal));
        Err(CapabilityError::new(QUOTA_EXCEEDED, message))
    }
}

/// Links every interface that is served: ours, and all of WASI 0.2, which denies what is not granted.
pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    clock::add_to_linker(linker)?;
    wasi_files::add_to_linker(linker)?;
    http::add_to_linker(linker)?;
    Gateway::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)
}
