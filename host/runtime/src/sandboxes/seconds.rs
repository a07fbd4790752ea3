//! A tenant's seconds: set aside before a workload begins, and charged when it has ended.

use std::{ops::RangeInclusive, time::Duration};

use jiff::Timestamp;
use openclaw_billing::{Caller, Limits, ReserveError, SandboxReservation, WorkloadUsage};
use openclaw_sandbox::Usage;
use openclaw_tenancy::TenantRecord;

use crate::{
    call::CallState,
    error::{CapabilityError, QUOTA_EXCEEDED},
    services::Services,
};

/// A workload that names no time is begun where its tenant has so much left.
pub(super) const LEAST_TIME: Duration = Duration::from_secs(1);

/// What a workload took, as the ledger keeps it.
pub(super) fn metered(used: Usage) -> WorkloadUsage {
    let Usage { wall, cpu, peak_memory_bytes } = used;
    WorkloadUsage { wall_ms: wall.as_millis() as u64, cpu_ms: cpu.as_millis() as u64, peak_bytes: peak_memory_bytes }
}

impl CallState {
    /// Sets aside a tenant's seconds for this call. The ledger counts the refusal.
    pub(super) async fn reserve_seconds(
        &mut self,
        record: &TenantRecord,
        time: RangeInclusive<Duration>,
    ) -> Result<SandboxReservation, CapabilityError> {
        match self.services.reserve_seconds(record, time).await {
            Ok(reservation) => Ok(reservation),
            Err(ReserveError::Refused(refusal)) => {
                let message = refusal.said();
                self.over_quota = Some(refusal);
                Err(CapabilityError::new(QUOTA_EXCEEDED, message))
            }
            Err(error) => Err(CapabilityError::internal(error)),
        }
    }
}

impl Services {
    /// Sets aside a tenant's seconds: as many of these as it has left.
    pub(super) async fn reserve_seconds(
        &self,
        record: &TenantRecord,
        time: RangeInclusive<Duration>,
    ) -> Result<SandboxReservation, ReserveError> {
        let caller = Caller {
            tenant: record.id.clone(),
            agent: String::new(),
            session: None,
            run: None,
            component: String::new(),
        };
        let limits = Limits { tenant: (*record.quotas).clone(), ..Limits::default() };
        let (now, milliseconds) = (Timestamp::now(), |time: &Duration| time.as_millis() as u64);
        let given_up = now.saturating_add(*time.end() * 2 + Duration::from_secs(60)).unwrap_or(Timestamp::MAX);
        let time_ms = milliseconds(time.start())..=milliseconds(time.end());
        self.usage.reserve_sandbox(caller, time_ms, limits, (now, given_up)).await
    }
}
