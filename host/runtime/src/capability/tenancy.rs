//! `tenancy` and `tenancy-control`: the registry's row of the call's own tenant.

use serde_json::{Map, Value};
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::{tenancy, tenancy_control},
    call::CallState,
    capability::calls::Call,
};

/// Reading the row.
#[derive(Debug)]
pub struct Registration;

/// Changing the row.
#[derive(Debug)]
pub struct Control;

impl tenancy::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Registration>, CapabilityError> {
        self.granted("tenancy")?;
        self.tenant()?;
        Ok(self.table.push(Registration)?)
    }
}

impl tenancy::HostRegistration for CallState {
    async fn record_json(&mut self, _registration: Resource<Registration>) -> Result<Vec<u8>, CapabilityError> {
        let tenant = self.tenant()?;
        // As it is now: a rotation or a rename earlier in this batch shows.
        let record = self.services.registry.get(&tenant.id).unwrap_or_else(|| tenant.clone());
        let mut row = Map::from_iter([
            ("tenantId".into(), Value::from(record.id.as_str())),
            ("createdAt".into(), Value::from(record.created_at.to_string())),
            ("disabled".into(), Value::from(record.disabled)),
            ("stateDir".into(), Value::from(record.state_dir())),
        ]);
        if let Some(name) = &record.display_name {
            row.insert("displayName".into(), Value::from(name.as_str()));
        }
        if let Some(seen) = record.last_seen_at() {
            row.insert("lastSeenAt".into(), Value::from(seen.to_string()));
        }
        serde_json::to_vec(&row).map_err(CapabilityError::internal)
    }

    async fn drop(&mut self, registration: Resource<Registration>) -> wasmtime::Result<()> {
        self.table.delete(registration)?;
        Ok(())
    }
}

impl tenancy_control::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Control>, CapabilityError> {
        self.granted("tenancy-control")?;
        self.tenant()?;
        Ok(self.table.push(Control)?)
    }
}

impl tenancy_control::HostControl for CallState {
    async fn rotate(&mut self, _control: Resource<Control>) -> Result<String, CapabilityError> {
        let tenant = self.tenant()?.id.clone();
        let actor = self.call()?.caller.actor.clone();
        let (registry, rotated) = (self.services.registry.clone(), tenant.clone());
        let rotation = async move { registry.rotate(&rotated, actor).await };
        let token = self.services.admission.to_the_end(Some(&tenant), rotation).await?;
        Ok(token.map_err(CapabilityError::internal)?.reveal().to_owned())
    }

    async fn delete(&mut self, _control: Resource<Control>) -> Result<(), CapabilityError> {
        self.delete_tenant = true;
        Ok(())
    }

    async fn drop(&mut self, control: Resource<Control>) -> wasmtime::Result<()> {
        self.table.delete(control)?;
        Ok(())
    }
}
