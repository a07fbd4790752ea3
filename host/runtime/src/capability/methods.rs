//! `methods`: the other methods of the calling tenant, each granted by its name.

use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{bindings::openclaw::gateway::methods, call::CallState, capability::calls::Call};

/// The calling tenant's methods.
#[derive(Debug)]
pub struct Client;

impl methods::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Client>, CapabilityError> {
        self.granted("methods")?;
        self.tenant()?;
        Ok(self.table.push(Client)?)
    }
}

impl methods::HostClient for CallState {
    async fn call(
        &mut self,
        _client: Resource<Client>,
        method: String,
        params: Vec<u8>,
    ) -> Result<Vec<u8>, CapabilityError> {
        self.call_method(&method, params).await
    }

    async fn drop(&mut self, client: Resource<Client>) -> wasmtime::Result<()> {
        self.table.delete(client)?;
        Ok(())
    }
}
