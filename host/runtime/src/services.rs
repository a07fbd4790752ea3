//! What the capabilities stand on: one of each for the whole gateway.
//!
//! - `config`: the configuration of a call's subject, read and written.
//! - `measure`: what a tenant occupies, and the room that is left.
//! - `deletion`: the end of a tenant.

mod config;
mod deletion;
mod measure;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Instant, SystemTime},
};

use jiff::Timestamp;
use openclaw_billing::{Instants, Measured, RateLimiter, UsageLedger};
use openclaw_config::{ConfigStore, store::Subject as ConfigSubject};
use openclaw_documents::{Database, DatabaseId, Store};
use openclaw_models::Models;
use openclaw_tenancy::{
    Audit, Directory, DirectoryError, Family, FamilyPlace, Home, HomeError, Registry, SecretKey, TenantDir, TenantId,
    TenantKey, TenantRecord,
};

use crate::{
    AdmissionLimits,
    admission::Admission,
    call::{InnerCall, InnerCalls},
    capability::http::{HttpLimits, Refusals},
    claims::Claims,
    cost::CostLog,
    disk::Disks,
    engine::Counting,
    error::CapabilityError,
    events::EventBus,
    expected::Expected,
    free_space::FreeSpace,
    heavy::Heavy,
    long_calls::LongCalls,
    meter::LongLane,
    plugins::Plugins,
    sandboxes::{Sandboxes, workload_user},
    tasks::Tasks,
};

pub use measure::STORAGE_EVERY;

/// What the services are made of.
pub struct ServicesParts {
    /// The state directory.
    pub home: Arc<Home>,
    /// Who the tenants are.
    pub registry: Arc<Registry>,
    /// Where the families' documents are.
    pub documents: Store,
    /// The tenants' and the gateway's configuration.
    pub config: Arc<ConfigStore>,
    /// What has been used.
    pub usage: Arc<UsageLedger>,
    /// Who answers, metered.
    pub models: Arc<Models>,
    /// How fast requests come.
    pub rates: Arc<RateLimiter>,
    /// What is never forgotten.
    pub audit: Arc<Audit>,
    /// What tenants' secrets are sealed with.
    pub secret_key: SecretKey,
    /// How many calls run and wait.
    pub admission: AdmissionLimits,
    /// What tenants' writes leave free of the disk, in MiB.
    pub free_disk_mb: u64,
    /// Where the tenants' workloads run.
    pub sandboxes: Sandboxes,
    /// Where calls write what they took, where somebody measures them.
    pub costs: Option<Arc<CostLog>>,
}

/// Everything behind the capabilities. Made once, shared by all calls.
pub struct Services {
    /// The state directory.
    pub home: Arc<Home>,
    /// Who the tenants are.
    pub registry: Arc<Registry>,
    /// Where the families' documents are.
    pub documents: Store,
    /// Where their vectors are.
    pub indexes: openclaw_vectors::Store,
    /// The tenants' and the gateway's configuration.
    pub config: Arc<ConfigStore>,
    /// What has been used.
    pub usage: Arc<UsageLedger>,
    /// Who answers, metered.
    pub models: Arc<Models>,
    /// How fast requests come.
    pub rates: Arc<RateLimiter>,
    /// Who is told of what.
    pub events: EventBus,
    /// What is never forgotten.
    pub audit: Arc<Audit>,
    /// What is sealed or signed on this installation.
    pub secret_key: SecretKey,
    /// Where the tenants' workloads run.
    pub sandboxes: Sandboxes,
    pub(crate) admission: Admission,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) long_calls: Arc<LongCalls>,
    pub(crate) claims: Arc<Claims>,
    pub(crate) long_lane: LongLane,
    /// Calls that begin with a turn in that lane.
    pub(crate) long: Expected,
    pub(crate) heavy: Arc<Heavy>,
    pub(crate) costs: Option<Arc<CostLog>>,
    /// A component is tried out: what it logs is nobody's to read.
    pub(crate) is_trial: bool,
    started: Instant,
    /// The last measure of each tenant's directory; of the rest nothing.
    disk: Mutex<HashMap<TenantId, Measured>>,
    /// What tenants occupy of their `disk_bytes`.
    pub(crate) disks: Disks,
    pub(crate) free_space: FreeSpace,
    /// What components were refused of late.
    pub(crate) refusals: Refusals,
    tenants: Mutex<HashMap<TenantId, Arc<OpenTenant>>>,
    /// What serves the calls that components make: it owns these services.
    plugins: OnceLock<Weak<Plugins>>,
    /// Who is told of those calls.
    inner_calls: OnceLock<InnerCalls>,
}

/// How many calls of a tenant and component are expected to be long after one that was: more than it has at once, or
/// those that wait for their turns would let the others go free.
const LONG: u32 = 128;

/// How many tenants' directories stay open: a descriptor each, and one more for each family with files.
const OPEN_TENANTS: usize = 256;

/// Bytes that are read in less than a tick.
const SHORT_BYTES: usize = 64 << 10;

/// A tenant's directory and key.
pub(crate) struct OpenTenant {
    /// A tenant made anew under an old name has another row.
    row: u64,
    subject: ConfigSubject,
    pub(crate) directory: TenantDir,
    pub(crate) key: TenantKey,
    /// Of the families that asked for theirs.
    files: Mutex<HashMap<Family, Directory>>,
}

impl OpenTenant {
    fn files(&self) -> MutexGuard<'_, HashMap<Family, Directory>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: ServicesParts) -> Arc<Self> {
        Arc::new(Self::of(parts, LongLane::new()))
    }

    /// Those of a trial. Its calls want the processor as all others do.
    pub(crate) fn of_trial(&self, parts: ServicesParts) -> Arc<Self> {
        Arc::new(Self { is_trial: true, ..Self::of(parts, self.long_lane.clone()) })
    }

    fn of(parts: ServicesParts, long_lane: LongLane) -> Self {
        Self {
            free_space: FreeSpace::new(parts.home.clone(), parts.free_disk_mb),
            home: parts.home,
            registry: parts.registry,
            documents: parts.documents,
            indexes: openclaw_vectors::Store::default(),
            config: parts.config,
            usage: parts.usage,
            models: parts.models,
            rates: parts.rates,
            events: EventBus::started(SystemTime::now()),
            audit: parts.audit,
            secret_key: parts.secret_key,
            sandboxes: parts.sandboxes,
            admission: Admission::new(parts.admission),
            tasks: Arc::default(),
            long_calls: Arc::default(),
            claims: Arc::default(),
            long_lane,
            long: Expected::new(LONG),
            heavy: Arc::default(),
            costs: parts.costs,
            is_trial: false,
            started: Instant::now(),
            disk: Mutex::default(),
            disks: Disks::default(),
            refusals: Refusals::default(),
            tenants: Mutex::default(),
            plugins: OnceLock::new(),
            inner_calls: OnceLock::new(),
        }
    }

    /// Says, once, what serves the calls that components make.
    pub(crate) fn set_plugins(&self, plugins: &Arc<Plugins>) {
        let _ = self.plugins.set(Arc::downgrade(plugins));
    }

    /// What serves the calls that components make; none while the gateway opens or closes.
    pub(crate) fn plugins(&self) -> Option<Arc<Plugins>> {
        self.plugins.get().and_then(Weak::upgrade)
    }

    /// Says, once, who is told of the calls that components make.
    pub fn tell_of_inner_calls(&self, told: InnerCalls) {
        let _ = self.inner_calls.set(told);
    }

    pub(crate) fn inner_ended(&self, call: &InnerCall<'_>) {
        if let Some(told) = self.inner_calls.get() {
            told(call);
        }
    }

    /// What a component's requests to hosts elsewhere may take; none while the gateway opens or closes.
    pub(crate) fn http_limits(&self) -> Option<HttpLimits> {
        self.plugins().map(|plugins| plugins.http_limits())
    }

    /// The present, by both clocks.
    #[must_use]
    pub fn now(&self) -> Instants {
        Instants { monotonic: self.started.elapsed(), wall: Timestamp::now() }
    }

    /// Whether the engine counts what calls take.
    pub(crate) fn counting(&self) -> Counting {
        self.costs.as_ref().map_or(Counting::Off, |costs| costs.counting())
    }

    /// Runs work on a client's bytes that grows with them. What would take a while waits for the lane of
    /// long calls, where a tenant has one turn at a time and everyone's short calls still find a core.
    pub(crate) async fn at_length<T>(&self, tenant: Option<&TenantId>, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= SHORT_BYTES {
            return work();
        }
        let _turn = self.long_lane.clone().turn(self.admission.long_lane(tenant)).await;
        tokio::task::block_in_place(work)
    }

    /// The documents of one tenant and family.
    pub(crate) fn database(&self, tenant: &TenantRecord, family: &Family) -> Database {
        let id = DatabaseId { tenant: tenant.id.clone(), family: family.clone() };
        let (home, tenant, family) = (self.home.clone(), tenant.id.clone(), family.clone());
        self.documents.database(id, move || family_place(&home, &tenant, &family).map(|place| place.database))
    }

    /// The files of one tenant and family.
    pub(crate) async fn files(&self, tenant: &TenantRecord, family: &Family) -> Result<Directory, CapabilityError> {
        let open = self.open_tenant(tenant)?;
        if let Some(files) = open.files().get(family) {
            return Ok(files.clone());
        }
        let (home, id, name) = (self.home.clone(), tenant.id.clone(), family.clone());
        let opened = self.admission.off_thread(Some(&tenant.id), move || family_place(&home, &id, &name)).await?;
        let files = opened.map_err(CapabilityError::internal)?.files;
        open.files().insert(family.clone(), files.clone());
        Ok(files)
    }

    /// A tenant's workspace, which its sandboxes see as `/work`.
    pub(crate) async fn workspace(&self, tenant: &TenantRecord) -> Result<Directory, CapabilityError> {
        let (open, user) = (self.open_tenant(tenant)?, workload_user(tenant)?);
        let opened = move || open.directory.workspace(user.map(NonZeroU32::get));
        self.admission.off_thread(Some(&tenant.id), opened).await?.map_err(CapabilityError::internal)
    }

    /// The tenant's directory and key, kept for its next call.
    pub(crate) fn open_tenant(&self, tenant: &TenantRecord) -> Result<Arc<OpenTenant>, CapabilityError> {
        if self.registry.get(&tenant.id).is_none_or(|now| now.row != tenant.row) {
            return Err(CapabilityError::forbidden("this tenant is deleted"));
        }
        let is_current = |open: &&Arc<OpenTenant>| open.row == tenant.row && open.directory.root().is_there();
        if let Some(open) = self.tenants().get(&tenant.id).filter(is_current) {
            return Ok(open.clone());
        }
        let directory = self.home.tenant_dir(&tenant.id).map_err(|error| match error {
            HomeError::NoTenantDirectory(_) => CapabilityError::unavailable(
                "this tenant's directory is missing: the operator must restore it from a backup",
            ),
            error => CapabilityError::internal(error),
        })?;
        let open = Arc::new(OpenTenant {
            row: tenant.row,
            subject: ConfigSubject::Tenant(tenant.id.clone()),
            directory,
            key: self.secret_key.tenant_key(&tenant.id, tenant.row),
            files: Mutex::default(),
        });
        let mut tenants = self.tenants();
        if tenants.len() >= OPEN_TENANTS {
            tenants.clear();
        }
        tenants.insert(tenant.id.clone(), open.clone());
        Ok(open)
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<OpenTenant>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a family keeps its files and its database; the tenant's directory must be there.
fn family_place(home: &Home, tenant: &TenantId, family: &Family) -> Result<FamilyPlace, PlaceError> {
    Ok(home.tenant_dir(tenant)?.family(family)?)
}

#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}
