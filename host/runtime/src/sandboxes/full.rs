//! What ends the workloads of a tenant that writes too much: they write without asking anybody, so it is looked at
//! while they run.
//!
//! A tenant that is full already may begin workloads, or nothing could remove its files: they make no file longer, and
//! are ended once there is more than when they began.
//!
//! All workloads of a tenant share its looks (`looks.rs`), each of which walks its directory and adds what the workloads
//! keep open without a name. Where the disk will soon be full, those who keep much of that are ended before all others
//! are. What a look cannot find (`openclaw_sandbox::unlinked_bytes` says what) ends everybody's workloads, at last, as
//! a disk that the gateway shares with other programs would.

mod looks;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use openclaw_sandbox::{Limits, unlinked_bytes};
use openclaw_tenancy::{NAME_BYTES, TenantRecord};
use tokio::time::{Instant, sleep_until};

use crate::{error::CapabilityError, services::Services};
use looks::Looks;

/// How often a tenant is measured while workloads of it run, where its disk is limited.
const TENANT_LOOKS: Duration = Duration::from_secs(2);

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

/// How often it is looked whether a tenant's workloads hide something, where the disk will soon be full.
const HIDDEN_LOOKS: Duration = Duration::from_millis(500);

/// Files without a name of so many bytes end their workloads before the disk is full: those of others are not ended for
/// them.
const HIDDEN: u64 = 16 << 20;

/// What a workload of a full tenant may add: names, and what the gateway itself writes down meanwhile.
const SLACK: u64 = 64 << 10;

/// What its tenant may occupy, whatever its quota is, before a workload is ended: nothing where there was room when it
/// began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance(u64);

impl Allowance {
    /// Whether the tenant was full.
    pub(super) fn is_full(self) -> bool {
        self.0 > 0
    }
}

/// The looks at all tenants whose workloads run, by their rows.
#[derive(Default)]
pub(super) struct Watches(Mutex<HashMap<u64, Weak<Watch>>>);

/// What is found of one tenant, for all its workloads.
#[derive(Default)]
struct Watch {
    room: Looks,
    hidden: Looks,
}

impl Watches {
    fn of(&self, row: u64) -> Arc<Watch> {
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = watches.get(&row).and_then(Weak::upgrade) {
            return watch;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let watch = Arc::default();
        watches.insert(row, Arc::downgrade(&watch));
        watch
    }
}

impl Services {
    /// Whether a workload that begins now finds room. Where its tenant is full it makes no file longer: it could be
    /// over, and the next one begin, before anybody has looked.
    pub(super) async fn allowance(
        &self,
        record: &TenantRecord,
        limits: &mut Limits,
    ) -> Result<Allowance, CapabilityError> {
        if let Ok(room) = self.take_room(record, NAME_BYTES).await? {
            room.settle(0);
            return Ok(Allowance(0));
        }
        limits.file_bytes = 0;
        Ok(Allowance(self.counted(record).await?.saturating_add(SLACK)))
    }

    /// Resolves when a tenant's workload must end for want of room.
    pub(super) async fn until_full(&self, record: &Arc<TenantRecord>, allowance: Allowance) -> Full {
        let watch = self.sandboxes.watches.of(record.row);
        tokio::select! {
            () = self.until_tenant_full(record, allowance, &watch.room) => Full::Tenant,
            () = self.until_hiding(record, &watch.hidden) => Full::Disk,
            () = self.until_disk_full() => Full::Disk,
        }
    }

    async fn until_tenant_full(&self, record: &Arc<TenantRecord>, allowance: Allowance, looks: &Looks) {
        let since = Instant::now();
        let mut next = since + TENANT_LOOKS;
        loop {
            sleep_until(next).await;
            next = Instant::now() + TENANT_LOOKS;
            // Whatever the quota is by now.
            let record = self.newest(record);
            let Some(limit) = record.quotas.disk_bytes else { continue };
            let look = async { told(&record, self.counted(&record).await) };
            let (is_full, again) = looks.look(since, TENANT_LOOKS, limit.max(allowance.0), look).await;
            if is_full {
                return;
            }
            next = again;
        }
    }

    async fn until_hiding(&self, record: &TenantRecord, looks: &Looks) {
        let since = Instant::now();
        loop {
            tokio::time::sleep(HIDDEN_LOOKS).await;
            let look = async { told(record, self.hidden(record).await) };
            if self.free_space.is_short() && looks.look(since, HIDDEN_LOOKS, HIDDEN, look).await.0 {
                return;
            }
        }
    }

    async fn until_disk_full(&self) {
        while !self.free_space.is_used_up() {
            tokio::time::sleep(DISK_LOOKS).await;
        }
    }

    /// What a tenant has written, with what has no name.
    async fn counted(&self, record: &TenantRecord) -> Result<u64, CapabilityError> {
        Ok(self.occupied(record).await?.saturating_add(self.hidden(record).await?))
    }

    /// Bytes of files that a tenant's workloads keep after they have removed them.
    async fn hidden(&self, record: &TenantRecord) -> Result<u64, CapabilityError> {
        let (open, processes) = (self.open_tenant(record)?, self.sandboxes.survey.processes(&record.id));
        let look = move || {
            let device = rustix::fs::fstat(open.directory.root()).map_err(CapabilityError::internal)?.st_dev;
            let hidden = processes.into_iter().map(|process| unlinked_bytes(process, device));
            hidden.sum::<Result<u64, _>>().map_err(CapabilityError::internal)
        };
        self.admission.off_thread(Some(&record.id), look).await?
    }
}

/// None where nobody can tell.
fn told(record: &TenantRecord, bytes: Result<u64, CapabilityError>) -> Option<u64> {
    bytes.inspect_err(|error| tracing::debug!(tenant = %record.id, ?error, "a workload's tenant is not measured")).ok()
}
