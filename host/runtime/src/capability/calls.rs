//! `calls`: what a handler may know of the call it answers.

use std::time::Instant;

use wasmtime::component::Resource;

use crate::{bindings::openclaw::gateway::calls, call::CallState, manifest::Scope};

/// The call. There is one a store, so the handle says nothing by itself.
#[derive(Debug)]
pub struct Call;

impl calls::Host for CallState {}

impl calls::HostCall for CallState {
    fn method(&mut self, _call: Resource<Call>) -> wasmtime::Result<String> {
        Ok(self.facts.as_ref().map(|facts| facts.method.to_string()).unwrap_or_default())
    }

    fn tenant(&mut self, _call: Resource<Call>) -> wasmtime::Result<Option<String>> {
        Ok(self.facts.as_ref().and_then(|facts| facts.subject.tenant()).map(|tenant| tenant.id.to_string()))
    }

    fn family(&mut self, _call: Resource<Call>) -> wasmtime::Result<String> {
        Ok(CallState::family(self).map(ToString::to_string).unwrap_or_default())
    }

    fn request_id(&mut self, _call: Resource<Call>) -> wasmtime::Result<String> {
        Ok(self.facts.as_ref().map(|facts| facts.request_id.to_string()).unwrap_or_default())
    }

    fn is_operator(&mut self, _call: Resource<Call>) -> wasmtime::Result<bool> {
        Ok(self.facts.as_ref().is_some_and(|facts| facts.caller.is_operator()))
    }

    fn scopes(&mut self, _call: Resource<Call>) -> wasmtime::Result<Vec<String>> {
        let scopes = self.facts.iter().flat_map(|facts| facts.caller.scopes.iter());
        Ok(scopes.copied().map(Scope::name).map(str::to_owned).collect())
    }

    fn remaining_ms(&mut self, _call: Resource<Call>) -> wasmtime::Result<u64> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    /// A call that nobody waits for is dropped whole, so one that runs is waited for.
    fn cancelled(&mut self, _call: Resource<Call>) -> wasmtime::Result<bool> {
        Ok(false)
    }

    fn drop(&mut self, call: Resource<Call>) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}
