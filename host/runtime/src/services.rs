//! What the capabilities stand on: one of each for the whole gateway.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Instant, SystemTime},
};

use jiff::Timestamp;
use openclaw_billing::{Instants, Measured, Period, RateLimiter, Refusal, UsageLedger};
use openclaw_config::{
    ConfigStore,
    store::{Place, Snapshot, Subject as ConfigSubject},
};
use openclaw_documents::{Database, DatabaseId, Store};
use openclaw_models::Models;
use openclaw_tenancy::{
    Actor, Audit, AuditEvent, Directory, DirectoryError, Family, FamilyPlace, Home, HomeError, Registry, RegistryError,
    SecretKey, TenantData, TenantDir, TenantId, TenantKey, TenantRecord,
};
use serde_json::{json, value::RawValue};

use crate::{
    AdmissionLimits, CallError,
    admission::Admission,
    call::{CallFacts, Subject},
    capability::{
        CapabilityError,
        http::{HttpLimits, Refusals},
    },
    cost::CostLog,
    disk::{Disks, Room},
    engine::Counting,
    events::EventBus,
    free_space::FreeSpace,
    heavy::Heavy,
    meter::LongLane,
    plugins::Plugins,
    sandboxes::{Sandboxes, workload_user},
    trace::{InnerCall, InnerCalls},
};

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
    pub(crate) long_lane: LongLane,
    pub(crate) heavy: Arc<Heavy>,
    pub(crate) costs: Option<Arc<CostLog>>,
    started: Instant,
    /// The last measure of each tenant's directory, in bytes.
    disk: Mutex<HashMap<TenantId, u64>>,
    /// What tenants occupy of their `disk_bytes`.
    pub(crate) disks: Disks,
    free_space: FreeSpace,
    /// What components were refused of late.
    pub(crate) refusals: Refusals,
    tenants: Mutex<HashMap<TenantId, Arc<OpenTenant>>>,
    /// What serves the calls that components make: it owns these services.
    plugins: OnceLock<Weak<Plugins>>,
    /// Who is told of those calls.
    inner_calls: OnceLock<InnerCalls>,
}

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
        Arc::new(Self {
            free_space: FreeSpace::new(parts.home.clone(), parts.free_disk_mb),
            home: parts.home,
            registry: parts.registry,
            documents: parts.documents,
            config: parts.config,
            usage: parts.usage,
            models: parts.models,
            rates: parts.rates,
            events: EventBus::started(SystemTime::now()),
            audit: parts.audit,
            secret_key: parts.secret_key,
            sandboxes: parts.sandboxes,
            admission: Admission::new(parts.admission),
            long_lane: LongLane::new(),
            heavy: Arc::default(),
            costs: parts.costs,
            started: Instant::now(),
            disk: Mutex::default(),
            disks: Disks::default(),
            refusals: Refusals::default(),
            tenants: Mutex::default(),
            plugins: OnceLock::new(),
            inner_calls: OnceLock::new(),
        })
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
        if self.costs.is_some() { Counting::Instructions } else { Counting::Off }
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

    /// The configuration of a call, unless it cannot be read.
    pub(crate) fn sound_config(&self, subject: &Subject) -> Result<Arc<Snapshot>, CallError> {
        let issue = match self.config_snapshot(subject) {
            Ok(snapshot) if snapshot.valid => return Ok(snapshot),
            Ok(snapshot) => snapshot.issues.first().map(ToString::to_string).unwrap_or_default(),
            Err(CapabilityError::Refused(refusal)) => return Err(CallError::Refused(refusal)),
            Err(_) => "config.yaml cannot be opened".into(),
        };
        let message = format!("this tenant's configuration is damaged: {issue}; config.set replaces it");
        Err(CallError::Unavailable { message, retry_after_ms: None })
    }

    /// The configuration of the subject; one look at the file where it has not changed.
    pub(crate) fn config_snapshot(&self, subject: &Subject) -> Result<Arc<Snapshot>, CapabilityError> {
        self.with_config(subject, |place| Ok(self.config.snapshot(place)))
    }

    /// `config-write.replace`, with its line in the audit log. Blocks.
    pub(crate) fn config_replace(
        &self,
        call: &CallFacts,
        raw: &str,
        base_hash: Option<&str>,
    ) -> Result<Arc<Snapshot>, CapabilityError> {
        let written = self.with_config(&call.subject, |place| Ok(self.config.replace(place, raw, base_hash)?))?;
        self.config_written(call, &written)
    }

    /// `config-write.patch`, with its line in the audit log. Blocks.
    pub(crate) fn config_patch(
        &self,
        call: &CallFacts,
        patch: &str,
        base_hash: Option<&str>,
    ) -> Result<Arc<Snapshot>, CapabilityError> {
        let written = self.with_config(&call.subject, |place| Ok(self.config.patch(place, patch, base_hash)?))?;
        self.config_written(call, &written)
    }

    fn config_written(&self, call: &CallFacts, written: &Arc<Snapshot>) -> Result<Arc<Snapshot>, CapabilityError> {
        let event = AuditEvent {
            actor: call.caller.actor.clone(),
            tenant: call.subject.tenant().map(|tenant| tenant.id.clone()),
            action: "config.write",
            detail: json!({ "method": &*call.method, "hash": written.hash }),
        };
        self.audit.append(event).map_err(CapabilityError::internal)?;
        Ok(written.clone())
    }

    fn with_config<T>(
        &self,
        subject: &Subject,
        act: impl FnOnce(Place<'_>) -> Result<T, CapabilityError>,
    ) -> Result<T, CapabilityError> {
        match subject {
            Subject::Tenant(tenant) => {
                let open = self.open_tenant(tenant)?;
                act(Place { subject: &open.subject, directory: open.directory.root(), key: Some(&open.key) })
            }
            Subject::Gateway => {
                let directory = self.home.directory();
                act(Place { subject: &ConfigSubject::Gateway, directory, key: None })
            }
        }
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

    /// What the ledger does not count: bytes on disk, sessions and their messages, the rates of the moment.
    pub(crate) async fn measure(
        &self,
        tenant: &Arc<TenantRecord>,
        refresh_disk: bool,
    ) -> Result<Measured, CapabilityError> {
        let sessions = self.sessions(tenant).await?;
        let known = self.disk.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant.id).copied();
        let disk_usage_bytes = match known {
            Some(bytes) if !refresh_disk => bytes,
            _ => {
                let bytes = self.walk(tenant).await?;
                self.disk.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.id.clone(), bytes);
                bytes
            }
        };
        let rates = self.rates.rates(&tenant.id, &tenant.quotas, self.now());
        Ok(Measured { disk_usage_bytes, rates, ..sessions })
    }

    /// The bytes of a tenant's files.
    async fn walk(&self, tenant: &TenantRecord) -> Result<u64, CapabilityError> {
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
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
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

    /// How much of the disk tenants' writes leave free from now on, in MiB.
    pub fn keep_free(&self, mib: u64) {
        self.free_space.keep(mib);
    }

    /// Wipes a tenant: its databases are closed first, its row and directory go together. `forget` is for what
    /// others keep of it, before there can be a namesake.
    pub async fn delete_tenant(
        self: &Arc<Self>,
        tenant: &Arc<TenantRecord>,
        actor: Actor,
        forget: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let closed = self.documents.close_tenant(&tenant.id).await;
        // What still writes there is not to outlive what it writes to.
        self.sandboxes.end_terminals(tenant.row);
        let (services, gone, row) = (self.clone(), tenant.id.clone(), tenant.row);
        let forget = async move {
            services.sandboxes.end_terminals(row);
            forget.await;
            services.forget(&gone).await;
            drop(closed);
        };
        self.registry.delete(tenant, TenantData::Wipe, actor, forget).await
    }

    async fn forget(&self, tenant: &TenantId) {
        self.tenants().remove(tenant);
        self.config.forget(&ConfigSubject::Tenant(tenant.clone()));
        if let Err(error) = self.usage.forget(tenant).await {
            tracing::warn!(%tenant, %error, "the usage rows of a deleted tenant stay");
        }
        self.forget_measure(tenant);
        self.disks.forget(tenant);
        self.admission.forget(tenant);
        self.rates.forget(tenant);
        let told = json!({ "tenantId": tenant.as_str(), "what": "deleted" });
        if let Ok(told) = RawValue::from_string(told.to_string()) {
            self.events.publish(tenant, "tenant.changed", told);
        }
        self.events.forget(tenant);
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
