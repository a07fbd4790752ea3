//! `events`: publishing on the tenant's own bus.

use openclaw_config::json;
use serde_json::value::RawValue;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::events, call::CallState, capability::calls::Call, events::WINDOW, limits::Limit,
};

const PAYLOAD_BYTES: usize = 64 << 10;

/// The calling tenant's bus.
#[derive(Debug)]
pub struct Bus;

impl events::Host for CallState {
    fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Bus>, CapabilityError> {
        self.tenant()?;
        Ok(self.table.push(Bus)?)
    }
}

impl events::HostBus for CallState {
    fn publish(&mut self, _bus: Resource<Bus>, event: String, payload: Vec<u8>) -> Result<u64, CapabilityError> {
        if self.migrating {
            return Err(CapabilityError::forbidden("a migration publishes no event"));
        }
        let listed = self.component.as_ref().is_some_and(|component| component.manifest.events.contains(&event));
        if !listed {
            return Err(CapabilityError::forbidden(format!("the manifest does not list the event {event:?}")));
        }
        if payload.len() > PAYLOAD_BYTES {
            return Err(CapabilityError::invalid(format!("an event's payload is at most {PAYLOAD_BYTES} bytes")));
        }
        self.events += 1;
        // No call takes the whole window from those who resume.
        if self.events > WINDOW {
            return Err(CapabilityError::Trap(self.broke(Limit::HostCalls)));
        }
        let payload =
            raw(&payload).map_err(|_| CapabilityError::invalid("an event's payload is JSON, and this one is not"))?;
        Ok(self.services.events.publish(&self.tenant()?.id, &event, payload))
    }

    fn drop(&mut self, bus: Resource<Bus>) -> wasmtime::Result<()> {
        self.table.delete(bus)?;
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "checked, and kept as text")]
fn raw(payload: &[u8]) -> Result<Box<RawValue>, String> {
    json::check(payload, json::DEPTH_MAX).map_err(|error| error.to_string())?;
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}
