//! `config` and `config-write`: the tenant's overlay, or for the operator's own
//! calls the gateway's file. What a guest reads is redacted.

use std::sync::Arc;

use openclaw_config::{
    schema,
    store::{Snapshot, WriteError},
};
use serde_json::{Map, Value, json};
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::{config, config_write},
    call::{CallState, Subject},
    capability::calls::Call,
};

/// Reading.
#[derive(Debug)]
pub struct Settings;

/// Changing.
#[derive(Debug)]
pub struct Editor;

impl config::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Settings>, CapabilityError> {
        self.granted("config")?;
        self.call()?;
        Ok(self.table.push(Settings)?)
    }
}

impl CallState {
    /// Read once a call: what it does between two looks stands on one configuration.
    pub(crate) fn config(&mut self) -> Result<Arc<Snapshot>, CapabilityError> {
        if let Some(config) = &self.config {
            return Ok(config.clone());
        }
        let config = self.services.config_snapshot(&self.call()?.subject)?;
        Ok(self.config.insert(config).clone())
    }

    /// What a call has written is what it reads from then on.
    fn written(&mut self, written: Arc<Snapshot>) -> Vec<u8> {
        self.config.insert(written).json().to_vec()
    }
}

impl config::HostSettings for CallState {
    async fn snapshot(&mut self, _settings: Resource<Settings>) -> Result<Vec<u8>, CapabilityError> {
        Ok(self.config()?.json().to_vec())
    }

    async fn effective(
        &mut self,
        _settings: Resource<Settings>,
        pointer: String,
    ) -> Result<Option<Vec<u8>>, CapabilityError> {
        let snapshot = self.config()?;
        if let Some(issue) = snapshot.issues.first().filter(|_| !snapshot.valid) {
            return Err(CapabilityError::unavailable(format!("the configuration is damaged: {issue}")));
        }
        let value = snapshot.config.pointer(&pointer);
        value.map(|value| serde_json::to_vec(value).map_err(CapabilityError::internal)).transpose()
    }

    async fn schema(&mut self, _settings: Resource<Settings>) -> Result<Vec<u8>, CapabilityError> {
        let schema = match self.call()?.subject {
            Subject::Tenant(_) => schema::tenant(),
            Subject::Gateway => schema::full(),
        };
        serde_json::to_vec(&schema).map_err(CapabilityError::internal)
    }

    async fn drop(&mut self, settings: Resource<Settings>) -> wasmtime::Result<()> {
        self.table.delete(settings)?;
        Ok(())
    }
}

impl config_write::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Editor>, CapabilityError> {
        self.granted("config-write")?;
        self.call()?;
        Ok(self.table.push(Editor)?)
    }
}

impl config_write::HostEditor for CallState {
    async fn replace(
        &mut self,
        _editor: Resource<Editor>,
        raw: String,
        base_hash: Option<String>,
    ) -> Result<Vec<u8>, CapabilityError> {
        let written =
            self.off_thread(move |services, call| services.config_replace(call, &raw, base_hash.as_deref())).await?;
        Ok(self.written(written))
    }

    async fn patch(
        &mut self,
        _editor: Resource<Editor>,
        merge_patch: String,
        base_hash: Option<String>,
    ) -> Result<Vec<u8>, CapabilityError> {
        let written = self
            .off_thread(move |services, call| services.config_patch(call, &merge_patch, base_hash.as_deref()))
            .await?;
        Ok(self.written(written))
    }

    async fn drop(&mut self, editor: Resource<Editor>) -> wasmtime::Result<()> {
        self.table.delete(editor)?;
        Ok(())
    }
}

impl From<WriteError> for CapabilityError {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Text(_) | WriteError::NotAPatch | WriteError::Invalid(_) => Self::invalid(message),
            WriteError::Refused(offences) => {
                let offences: Vec<Value> = offences
                    .iter()
                    .map(|offence| json!({ "path": offence.path.to_string(), "reason": offence.reason }))
                    .collect();
                Self::invalid(message).with_data(Map::from_iter([("offences".into(), offences.into())]))
            }
            WriteError::Conflict { current } => {
                Self::new("CONFLICT", message).with_data(Map::from_iter([("hash".into(), current.into())]))
            }
            WriteError::Damaged(_) => Self::unavailable(message),
            WriteError::Seal | WriteError::Io(_) => Self::internal(message),
        }
    }
}
