//! What a tenant occupies, has and uses besides the calls of models and the seconds of workloads: how much it is,
//! whether there is room for more, and what of it is metered.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use openclaw_billing::{Caller, LedgerError, Measured, Period, Refusal};
use openclaw_tenancy::{Family, TenantId, TenantRecord};

use super::Services;
use crate::{disk::Room, error::CapabilityError};

/// How often the directories of tenants that are at work are measured.
pub const STORAGE_EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Services {
    /// What the ledger does not count: bytes on disk, sessions and their messages, the rates of the moment.
    pub(crate) async fn measure(
        &self,
        tenant: &Arc<TenantRecord>,
        refresh_disk: bool,
    ) -> Result<Measured, CapabilityError> {
        let sessions = self.sessions(tenant).await?;
        let known = self.disk().get(&tenant.id).cloned();
        let disk = match known {
            Some(disk) if !refresh_disk => disk,
            _ => {
                let disk = self.measure_disk(tenant).await?;
                self.disk().insert(tenant.id.clone(), disk.clone());
                let metered = self.meter_storage(tenant, disk.disk_usage_bytes).await;
                metered.map_err(CapabilityError::internal)?;
                disk
            }
        };
        let rates = self.rates.rates(&tenant.id, &tenant.quotas, self.now());
        let Measured { disk_usage_bytes, workspace_bytes, agent_data_bytes, memory_db_bytes, .. } = disk;
        Ok(Measured { disk_usage_bytes, workspace_bytes, agent_data_bytes, memory_db_bytes, rates, ..sessions })
    }

    /// The bytes of a tenant's files, and of the parts of them that are told apart; nothing else is measured.
    async fn measure_disk(&self, tenant: &TenantRecord) -> Result<Measured, CapabilityError> {
        let open = self.open_tenant(tenant)?;
        let measured = self.admission.off_thread(Some(&tenant.id), move || open.directory.usage()).await?;
        let usage = measured.map_err(CapabilityError::internal)?;
        Ok(Measured {
            disk_usage_bytes: usage.bytes,
            workspace_bytes: usage.workspace,
            agent_data_bytes: usage.agents,
            memory_db_bytes: usage.memory,
            ..Measured::default()
        })
    }

    /// The bytes of a tenant's files.
    pub(crate) async fn walk(&self, tenant: &TenantRecord) -> Result<u64, CapabilityError> {
        let open = self.open_tenant(tenant)?;
        let walked = self.admission.off_thread(Some(&tenant.id), move || open.directory.root().disk_usage()).await?;
        walked.map_err(CapabilityError::internal)
    }

    /// Room for a write of a tenant, or the refusal where its `disk_bytes` are used up. What its
    /// databases have free counts as room: deleting documents makes some.
    pub(crate) async fn take_room(
        &self,
        tenant: &TenantRecord,
        bytes: u64,
    ) -> Result<Result<Room, Refusal>, CapabilityError> {
        if !self.free_space.take(bytes) {
            return Err(CapabilityError::full("the disk is full"));
        }
        self.disks.take(tenant, bytes, async || self.occupied(tenant).await).await
    }

    /// What a tenant occupies of its `disk_bytes`, measured now.
    pub(crate) async fn occupied(&self, tenant: &TenantRecord) -> Result<u64, CapabilityError> {
        let free = self.documents.free_bytes(&tenant.id).await?;
        Ok(self.walk(tenant).await?.saturating_sub(free))
    }

    /// The next who asks how much a tenant's files are has them measured.
    pub(crate) fn forget_measure(&self, tenant: &TenantId) {
        self.disk().remove(tenant);
    }

    /// Sessions, those of them that were used in the running period, and the messages in all transcripts
    /// that are kept: a transcript is a header and a line a message.
    async fn sessions(&self, tenant: &TenantRecord) -> Result<Measured, CapabilityError> {
        let family: Family = "sessions".parse().map_err(CapabilityError::internal)?;
        let database = self.database(tenant, &family);
        let zone = self.usage.zone();
        let begun = Period::of(Timestamp::now(), zone).window(zone).start.as_millisecond();
        let transcripts = database.log_totals("transcript:").await?;
        Ok(Measured {
            total_sessions: database.count("sessions", "").await?,
            active_sessions: database.count_ranked("sessions", begun).await?,
            total_messages: transcripts.entries.saturating_sub(transcripts.logs),
            ..Measured::default()
        })
    }

    fn disk(&self) -> MutexGuard<'_, HashMap<TenantId, Measured>> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the disk tenants' writes leave free from now on, in MiB.
    pub fn keep_free(&self, mib: u64) {
        self.free_space.keep(mib);
    }

    /// Counts tools that an agent used.
    pub(crate) async fn meter_tools(&self, caller: Caller, count: u64) -> Result<(), LedgerError> {
        if count == 0 {
            return Ok(());
        }
        self.usage.meter_tools(caller, count, Timestamp::now()).await
    }

    /// Counts what a tenant keeps, as it was just measured.
    pub(crate) async fn meter_storage(&self, tenant: &TenantRecord, bytes: u64) -> Result<(), LedgerError> {
        // Of one that was deleted meanwhile nothing is written down any more.
        if self.registry.get(&tenant.id).is_none_or(|now| now.row != tenant.row) {
            return Ok(());
        }
        self.usage.meter_storage(&tenant.id, bytes, Timestamp::now()).await
    }

    /// Measures every tenant that was seen since it was last done, one after the other.
    pub async fn measure_storage(&self) {
        let since = Timestamp::now() - STORAGE_EVERY;
        let was_seen = |tenant: &Arc<TenantRecord>| tenant.last_seen_at().is_some_and(|seen| seen >= since);
        for tenant in self.registry.list().into_iter().filter(was_seen) {
            let metered = match self.walk(&tenant).await {
                Ok(bytes) => self.meter_storage(&tenant, bytes).await.map_err(CapabilityError::internal),
                Err(error) => Err(error),
            };
            if let Err(error) = metered {
                tracing::warn!(tenant = %tenant.id, ?error, "what a tenant keeps could not be measured");
            }
        }
    }
}
