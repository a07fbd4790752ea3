//! The plugin platform: which component serves which tenant's family, changed
//! while the gateway runs.
//!
//! A call takes its route here. A change is made beside the calls: checked,
//! written down, and only then put in force, by replacing the layers as a whole.
//! Whatever fails on the way leaves the binding as it was.

mod bytes;
mod change;
mod convert;
mod error;
mod install;
mod list;
mod policy;
mod rows;
mod sequence;
mod trial;
mod versions;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use openclaw_config::gateway::ValidateResults;
use openclaw_control::ControlDb;
use openclaw_tenancy::{Family, Home, Registry, TenantId, TenantRecord};
use tokio::sync::Mutex;

use sequence::Sequence;

use crate::{
    CallError, LoadError,
    binding::{BindingScope, Bound, Canary, Origin, Route, Version, Way},
    call::CallFacts,
    capability::http::HttpLimits,
    compile::{Client, OF_TENANTS, Turns},
    component::{self, Component, Loader},
    digest::Digest,
    grants::{GrantSource, Grants},
    invoke::{self, Answer, CallKind, Params},
    layers::{Layers, Slot},
    manifest::families_of,
    migrations::Migrations,
    services::Services,
    stats::Stats,
    sticky::Sticky,
};

pub use change::{Changed, Deed};
pub use error::ChangeError;
pub use install::{Based, Install, Installed};
pub use list::Listed;
pub use policy::{Policy, PolicyError};
pub use rows::{Row, State};

/// A stored version with its counters, which outlive its being loaded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As it is written down.
    pub row: Row,
    /// Its calls since the gateway started.
    pub stats: Arc<Stats>,
}

/// Everything that is bound.
pub struct Plugins {
    pub(crate) loader: Arc<Loader>,
    layers: ArcSwap<Layers>,
    generation: AtomicU64,
    policy: ArcSwap<Policy>,
    control: ControlDb,
    migrations: Migrations,
    sequence: Sequence,
    sticky: Sticky,
    services: Arc<Services>,
    validate_results: ValidateResults,
    /// None of our own components is loaded: one of somebody else's is tried out.
    alone: bool,
    /// Whose turn it is to have a component tried out.
    trials: Turns,
    /// Changes are made one after another; loading is not part of it.
    changing: Mutex<()>,
}

/// What the plugins stand on.
pub(crate) struct PluginParts {
    pub(crate) loader: Arc<Loader>,
    pub(crate) policy: Policy,
    pub(crate) control: ControlDb,
    pub(crate) services: Arc<Services>,
    pub(crate) validate_results: ValidateResults,
    pub(crate) alone: bool,
}

impl Plugins {
    /// Nothing is bound yet.
    pub(crate) fn new(parts: PluginParts) -> Result<Self, LoadError> {
        let damaged = |error: openclaw_control::ControlError| LoadError::Damaged(error.to_string());
        rows::migrate(&parts.control).map_err(damaged)?;
        Ok(Self {
            migrations: Migrations::open(parts.control.clone(), &parts.services.registry).map_err(damaged)?,
            sequence: Sequence::default(),
            sticky: Sticky::default(),
            loader: parts.loader,
            layers: ArcSwap::default(),
            generation: AtomicU64::new(0),
            policy: ArcSwap::from_pointee(parts.policy),
            control: parts.control,
            services: parts.services,
            validate_results: parts.validate_results,
            alone: parts.alone,
            trials: Turns::new(OF_TENANTS),
            changing: Mutex::default(),
        })
    }

    /// Puts what came with the gateway at the bottom and what was installed over it. What tenants
    /// have of their own is loaded when they first call.
    pub(crate) async fn open(&self, base: Vec<Version>) -> Result<(), LoadError> {
        let damaged = |error: &dyn std::fmt::Display| LoadError::Damaged(error.to_string());
        let rows = rows::load(&self.control).map_err(|error| damaged(&error))?;
        rows::prune_withdrawn(&self.control).await.map_err(|error| damaged(&error))?;
        let withdrawn = rows::withdrawn(&self.control).map_err(|error| damaged(&error))?;
        let last = rows.iter().map(|row| row.sequence).max().unwrap_or_default();
        self.sequence.resume(last.max(self.migrations.last_sequence()), withdrawn);
        let stored = self.living(rows).await.map_err(|error| damaged(&error))?;
        let fixed = |version: Version| {
            let family = version.component.manifest.family.clone();
            (family.clone(), Arc::new(Slot::fixed(family, Bound::only(version))))
        };
        let base: HashMap<Family, Arc<Slot>> = base.into_iter().map(fixed).collect();
        let groups = self.policy.load().groups.clone();
        self.layers.store(Arc::new(Layers::new(base, groups, stored)));
        self.generation.fetch_add(1, Relaxed);
        let shared: Vec<Arc<Slot>> = self.layers.load().all().cloned().collect();
        for slot in shared.iter().filter(|slot| slot.scope.as_ref().is_some_and(|scope| scope.tenant().is_none())) {
            // Said in the log; its calls are refused by name.
            let _ = self.bound(slot).await;
        }
        Ok(())
    }

    /// Groups the rows into slots; those of tenants that are gone are removed.
    async fn living(&self, rows: Vec<Row>) -> Result<Vec<Slot>, openclaw_control::ControlError> {
        let registry: &Registry = &self.services.registry;
        let mut slots: HashMap<(BindingScope, Family), Vec<Entry>> = HashMap::new();
        for row in rows {
            let gone =
                row.scope.tenant().is_some_and(|tenant| registry.get(tenant).map(|now| now.row) != row.tenant_row);
            if gone {
                rows::forget(&self.control, &row.scope).await?;
                continue;
            }
            let entry = Entry { stats: Arc::default(), row };
            slots.entry((entry.row.scope.clone(), entry.row.family.clone())).or_default().push(entry);
        }
        Ok(slots.into_iter().map(|((scope, family), entries)| Slot::stored(family, scope, entries)).collect())
    }

    /// What a component is told of a method that nothing serves.
    pub(crate) fn no_such_method(&self, method: &str) -> String {
        match self.alone {
            true => {
                format!("{method} is not served here: the component is tried alone, and calls its own methods only")
            }
            false => format!("method not found: {method}"),
        }
    }

    /// Whether only what is signed is installed.
    #[must_use]
    pub fn wants_signature(&self) -> bool {
        self.policy.load().wants_signature()
    }

    /// What a component's requests to hosts elsewhere may take.
    pub(crate) fn http_limits(&self) -> HttpLimits {
        self.policy.load().http.clone()
    }

    /// Takes over what a reload says.
    pub async fn set_policy(&self, policy: Policy) {
        let _changing = self.changing.lock().await;
        let layers = self.layers.load().with_groups(policy.groups.clone());
        self.policy.store(Arc::new(policy));
        self.put_in_force(layers);
        self.sticky.retire(None, None);
    }

    fn put_in_force(&self, layers: Layers) {
        self.layers.store(Arc::new(layers));
        self.generation.fetch_add(1, Relaxed);
    }

    /// Grows with every change of what is bound.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// Whether a tenant has bindings that others have not.
    #[must_use]
    pub fn differs(&self, tenant: &TenantId) -> bool {
        self.layers.load().differs(tenant)
    }

    /// Whether a tenant's calls of a family go elsewhere than everyone's.
    fn is_overridden(&self, tenant: &TenantId, family: &Family) -> bool {
        let layers = self.layers.load();
        let (own, everyones) = (layers.find(Some(tenant), family.as_str()), layers.find(None, family.as_str()));
        own.map(Arc::as_ptr) != everyones.map(Arc::as_ptr)
    }

    /// Whether `components.groups` has this name.
    #[must_use]
    pub fn has_group(&self, name: &str) -> bool {
        self.layers.load().has_group(name)
    }

    /// The version that answers a tenant's call, held for its length; none where there is no such method.
    pub async fn route(&self, tenant: Option<&TenantId>, method: &str) -> Result<Option<Route>, CallError> {
        // One look for the whole way down: what is bound meanwhile is the next call's.
        let layers = self.layers.load_full();
        for family in families_of(method) {
            let mut next = layers.find(tenant, family).cloned();
            while let Some(slot) = next {
                match self.bound(&slot).await?.route(method) {
                    Way::Here(route) => return Ok(Some(route)),
                    Way::Nowhere => break,
                    Way::Below => {
                        let scope = slot.scope.as_ref();
                        next = scope.and_then(|scope| layers.below(scope, tenant, family).cloned());
                    }
                }
            }
        }
        Ok(None)
    }

    /// The version that answers a call for a tenant that the tenant's own component must not answer.
    pub async fn route_for_everyone(&self, method: &str) -> Result<Option<Route>, CallError> {
        Ok(self.route(None, method).await?.map(Route::for_everyone))
    }

    /// What is bound in a slot; loaded now where it was not.
    async fn bound(&self, slot: &Arc<Slot>) -> Result<Arc<Bound>, CallError> {
        if let Some(bound) = slot.loaded() {
            return Ok(bound.clone());
        }
        let bound = slot.load(self.generation(), async || self.load_slot(slot).await).await;
        if bound.is_ok() && slot.scope.as_ref().is_some_and(|scope| scope.tenant().is_none()) {
            // It serves more than it did, which is told from the generation.
            self.generation.fetch_add(1, Relaxed);
        }
        bound.map_err(|failed| {
            let left = failed.again.saturating_duration_since(Instant::now()).as_millis();
            let why = failed.error.for_client();
            CallError::Unavailable {
                message: format!("the component of the family {} cannot be loaded: {why}", slot.family),
                retry_after_ms: Some(u32::try_from(left).unwrap_or(u32::MAX)),
            }
        })
    }

    async fn load_slot(&self, slot: &Slot) -> Result<Bound, LoadError> {
        let load = async {
            let (mut active, mut canary) = (None, None);
            for entry in &slot.entries {
                match entry.row.state {
                    State::Active => active = Some(Arc::new(self.version(entry).await?)),
                    State::Canary => {
                        let percent = entry.row.canary_percent.unwrap_or_default();
                        canary = Some(Canary::new(Arc::new(self.version(entry).await?), percent));
                    }
                    State::Previous | State::Failed => {}
                }
            }
            Ok(Bound { active, canary })
        };
        load.await.inspect_err(|error: &LoadError| {
            let (family, scope) = (&slot.family, slot.scope.as_ref().map(ToString::to_string));
            tracing::error!(%family, scope, %error, "an installed component cannot be loaded");
        })
    }

    /// Loads a stored version.
    async fn version(&self, entry: &Entry) -> Result<Version, LoadError> {
        self.version_of(self.component(entry).await?, entry)
    }

    async fn component(&self, entry: &Entry) -> Result<Arc<Component>, LoadError> {
        let Row { scope, digest, .. } = &entry.row;
        if let Some(component) = self.loader.find(digest, scope.tenant()) {
            return Ok(component);
        }
        let client = Client::of(scope.tenant());
        let (home, from, digest) = (self.services.home.clone(), scope.clone(), *digest);
        let read = self.loader.workshop.work(&client, move || bytes::read(&home, &from, digest));
        Ok(self.loader.load(read.await??.into(), digest, &client, &self.services).await?.component)
    }

    fn version_of(&self, component: Arc<Component>, entry: &Entry) -> Result<Version, LoadError> {
        let family = entry.row.family.to_string();
        let own = |texts: &Vec<String>| {
            let grants = Grants::parse(texts).map_err(|error| LoadError::Grant { family, error })?;
            Ok(GrantSource::Own(Arc::new(grants)))
        };
        Ok(Version {
            component,
            origin: Origin::Installed(entry.row.scope.clone()),
            stats: entry.stats.clone(),
            sequence: entry.row.sequence,
            grants: entry.row.grants.as_ref().map_or(Ok(GrantSource::Configured), own)?,
            validates_results: true,
        })
    }

    /// Loads what comes with the gateway, or a file that the operator names, beside those that are there.
    pub(crate) async fn base(&self, others: &[Version], wasm: Arc<[u8]>, origin: Origin) -> Result<Version, LoadError> {
        let digest = component::digest(&wasm).await?;
        let loaded = self.loader.load(wasm, digest, &Client::Operator, &self.services).await?;
        let version = self.base_version(loaded.component, origin);
        let component = &version.component;
        let manifest = &component.manifest;
        if version.origin != Origin::Builtin {
            manifest.check_foreign(None).map_err(LoadError::Manifest)?;
            self.grants(&version).check(&component.imports, manifest)?;
        }
        for other in others.iter().map(|other| &other.component.manifest) {
            if other.family == manifest.family {
                // Its state would be another component's to read.
                return Err(LoadError::FamilyTaken { family: manifest.family.to_string() });
            }
            if let Some(method) = manifest.methods.keys().find(|method| other.methods.contains_key(*method)) {
                return Err(LoadError::Taken { method: method.clone(), family: other.family.to_string() });
            }
        }
        Ok(version)
    }

    fn base_version(&self, component: Arc<Component>, origin: Origin) -> Version {
        let builtin = origin == Origin::Builtin;
        Version {
            component,
            origin,
            stats: Arc::default(),
            sequence: 0,
            grants: if builtin { GrantSource::Builtin } else { GrantSource::Configured },
            validates_results: !builtin || self.validate_results == ValidateResults::All,
        }
    }

    /// What a version may do now.
    pub(crate) fn grants(&self, version: &Version) -> Arc<Grants> {
        match &version.grants {
            GrantSource::Own(grants) => grants.clone(),
            other => self.policy.load().grants(other, &version.component.manifest.family),
        }
    }

    /// Runs a call that has its place, and counts it.
    pub(crate) async fn run(
        self: &Arc<Self>,
        route: &Route,
        facts: CallFacts,
        params: Params,
        kind: CallKind,
    ) -> Result<Answer, CallError> {
        let tenant = facts.subject.tenant().cloned();
        let started = Instant::now();
        let mut route = route.clone();
        let answer = self.answer(&mut route, facts, params, kind).await;
        self.count(route.version(), tenant.as_deref(), started.elapsed(), answer.as_ref().err());
        answer
    }

    /// Runs a call by the version that its tenant's documents are ready for, which becomes its route.
    async fn answer(
        self: &Arc<Self>,
        route: &mut Route,
        facts: CallFacts,
        params: Params,
        kind: CallKind,
    ) -> Result<Answer, CallError> {
        let _hold = self.ready(route, &facts, kind.outer()).await?;
        let grants = self.grants(route.version());
        let tenant = facts.subject.tenant();
        let heavy = tenant.filter(|tenant| self.services().heavy.expected.take((tenant.row, route.component().digest)));
        match heavy.map(|tenant| tenant.id.clone()) {
            Some(tenant) => self.run_heavy(&tenant, route.clone(), facts, params, grants, kind).await,
            None => invoke::invoke(route, facts, params, grants, kind, self).await,
        }
    }

    /// The same for a call that is expected to touch much memory: on threads of its own, a few of a tenant at once.
    async fn run_heavy(
        self: &Arc<Self>,
        tenant: &TenantId,
        route: Route,
        facts: CallFacts,
        params: Params,
        grants: Arc<Grants>,
        kind: CallKind,
    ) -> Result<Answer, CallError> {
        let services = self.services().clone();
        let inner = kind.outer().is_some();
        let share = services.admission.enter_heavy(tenant, route.component().pool, inner).await?;
        let plugins = self.clone();
        let call = async move {
            let _share = share;
            invoke::invoke(&route, facts, params, grants, kind, &plugins).await
        };
        services.heavy.run(call).await
    }

    /// Counts a call of a version, and takes it out of service where too many failed in a row.
    pub(crate) fn count(
        self: &Arc<Self>,
        version: &Arc<Version>,
        tenant: Option<&TenantRecord>,
        took: Duration,
        error: Option<&CallError>,
    ) {
        if matches!(error, Some(CallError::InvalidParams(_) | CallError::Unavailable { .. })) {
            // It never ran.
            return;
        }
        let failed = matches!(error, Some(CallError::Failed(_)));
        let failures = version.stats.count(tenant.map_or(0, |tenant| tenant.row), took, failed);
        let Origin::Installed(scope) = &version.origin else { return };
        // One tenant's failures are no reason to take a version from the others.
        let reason = scope.tenant().is_some() || failures.of_several;
        let after = self.policy.load().rollback_after;
        if failed && reason && after > 0 && failures.in_a_row.is_multiple_of(after) {
            let (plugins, version) = (self.clone(), version.clone());
            tokio::spawn(async move { plugins.roll_back_failing(&version).await });
        }
    }

    /// Whether a component is loaded, in whichever binding.
    #[must_use]
    pub fn is_loaded(&self, digest: &Digest) -> bool {
        self.loader.has(digest)
    }

    /// Forgets what a deleted tenant had; its files went with its directory.
    pub(crate) async fn forget(&self, tenant: &TenantRecord) {
        if let Err(error) = self.migrations.forget(tenant.row).await {
            tracing::warn!(tenant = %tenant.id, %error, "the forms of a deleted tenant's documents stay until the next start");
        }
        let (tenant, row) = (&tenant.id, tenant.row);
        let _changing = self.changing.lock().await;
        if let Err(error) = rows::forget(&self.control, &BindingScope::Tenant(tenant.clone())).await {
            tracing::warn!(%tenant, %error, "the component rows of a deleted tenant stay until the next start");
        }
        let layers = self.layers.load().without_tenant(tenant);
        self.put_in_force(layers);
        self.sticky.retire(Some(row), None);
        self.services().heavy.expected.forget(row);
        self.services().long.forget(row);
        self.loader.tidy();
    }

    /// The instances that wait for their next call.
    pub(crate) fn sticky(&self) -> &Sticky {
        &self.sticky
    }

    /// Ends what waited too long for a next call.
    pub fn retire_idle(&self, now: Instant) {
        self.sticky.retire_idle(now);
    }

    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    fn home(&self) -> &Arc<Home> {
        &self.services.home
    }
}
