//! What ends the workloads of a tenant that writes too much: they write without asking anybody, so it is looked at
//! while they run.

use std::{fmt, time::Duration};

use openclaw_tenancy::TenantRecord;

use crate::services::Services;

/// How often a workload's tenant is measured, where its disk is limited.
const TENANT_LOOKS: Duration = Duration::from_secs(2);

/// It may move its files about so fast that nobody can count them, but not for so many looks on end.
const UNCOUNTED: u32 = 30;

/// How often the free space is looked at, which costs little and can go fast.
const DISK_LOOKS: Duration = Duration::from_millis(250);

/// What has no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The tenant's `disk_bytes`.
    Tenant,
    /// The gateway's disk, of which `gateway.limits.free_disk_mb` are left to others.
    Disk,
}

impl Full {
    /// Why a terminal ended.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Tenant => "quota",
            Self::Disk => "disk_full",
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tenant => "disk_bytes is used up",
            Self::Disk => "the gateway's disk is full",
        })
    }
}

impl Services {
    /// Resolves when a tenant's workloads must end for want of room.
    pub(super) async fn until_full(&self, record: &TenantRecord) -> Full {
        tokio::select! {
            () = self.until_tenant_full(record) => Full::Tenant,
            () = self.until_disk_full() => Full::Disk,
        }
    }

    /// Never where the tenant has no such quota.
    async fn until_tenant_full(&self, record: &TenantRecord) {
        let Some(limit) = record.quotas.disk_bytes else { return std::future::pending().await };
        let mut uncounted = 0;
        while uncounted < UNCOUNTED {
            tokio::time::sleep(TENANT_LOOKS).await;
            match self.occupied(record).await {
                Ok(bytes) if bytes > limit => return,
                Ok(_) => uncounted = 0,
                Err(error) => {
                    uncounted += 1;
                    tracing::debug!(tenant = %record.id, ?error, "a workload's tenant is not measured");
                }
            }
        }
    }

    async fn until_disk_full(&self) {
        while !self.free_space.is_used_up() {
            tokio::time::sleep(DISK_LOOKS).await;
        }
    }
}
