//! `usage`: the calling tenant's rows of the gateway's ledger.

use jiff::Timestamp;
use openclaw_billing::{MAX_MONTHS, Period};
use serde::Serialize;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{bindings::openclaw::gateway::usage, call::CallState, capability::calls::Call};

/// The calling tenant's ledger.
#[derive(Debug)]
pub struct Ledger;

impl usage::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Ledger>, CapabilityError> {
        self.granted("usage")?;
        self.tenant()?;
        Ok(self.table.push(Ledger)?)
    }
}

impl usage::HostLedger for CallState {
    async fn current(&mut self, _ledger: Resource<Ledger>, refresh_disk: bool) -> Result<Vec<u8>, CapabilityError> {
        let tenant = self.tenant()?.clone();
        let measured = self.services.measure(&tenant, refresh_disk).await?;
        let period = Period::of(Timestamp::now(), self.services.usage.zone());
        let snapshot = self.services.usage.snapshot(&tenant.id, period, &measured).await;
        json(&snapshot.map_err(CapabilityError::internal)?)
    }

    async fn quota_status(&mut self, _ledger: Resource<Ledger>) -> Result<Vec<u8>, CapabilityError> {
        let tenant = self.tenant()?.clone();
        let measured = self.services.measure(&tenant, false).await?;
        let status = self.services.usage.quota_status(&tenant.id, &tenant.quotas, Timestamp::now(), &measured).await;
        json(&status.map_err(CapabilityError::internal)?)
    }

    async fn history(&mut self, _ledger: Resource<Ledger>, months: u32) -> Result<Vec<u8>, CapabilityError> {
        if months == 0 || months > MAX_MONTHS {
            return Err(CapabilityError::invalid(format!("months is 1 to {MAX_MONTHS}")));
        }
        let tenant = self.tenant()?.clone();
        let measured = self.services.measure(&tenant, false).await?;
        let history = self.services.usage.history(&tenant.id, months, Timestamp::now(), &measured).await;
        json(&history.map_err(CapabilityError::internal)?)
    }

    async fn drop(&mut self, ledger: Resource<Ledger>) -> wasmtime::Result<()> {
        self.table.delete(ledger)?;
        Ok(())
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, CapabilityError> {
    serde_json::to_vec(value).map_err(CapabilityError::internal)
}
