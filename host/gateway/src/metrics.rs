//! What `/metrics` tells the operator's monitoring.
//!
//! A call finds its counters ready by its component's digest, adds to them and allocates nothing.
//! No label set grows with what tenants send: families and versions are those that are loaded, up
//! to a bound, and tenants are named only where `telemetry.tenant_label` asks for it.

mod models;
mod process;
mod scrape;

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use openclaw_models::Ended;
use openclaw_runtime::{Component, Digest};
use openclaw_tenancy::TenantId;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::reply::Problem;
use models::ModelMetrics;

pub(crate) use scrape::scrape;

/// How a call can end: well, or with one of the contract's codes, of which the last stands for any other.
const OUTCOMES: [&str; 10] = [
    "ok",
    "INVALID_REQUEST",
    "FORBIDDEN",
    "NOT_FOUND",
    "CONFLICT",
    "UNAVAILABLE",
    "QUOTA_EXCEEDED",
    "RATE_LIMITED",
    "COMPONENT_FAILED",
    "INTERNAL",
];

/// From a call that does nearly nothing to one that an agent's turn takes.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What is loaded beyond so many components is counted together, as the family `other`.
const COMPONENTS_MAX: usize = 512;

/// The family of what the host itself answers: its methods, `/v1`, uploads, frames that are no call.
const HOST: &str = "gateway";

/// The family of the components beyond [`COMPONENTS_MAX`].
const OTHER: &str = "other";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    family: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FamilyLabels {
    family: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VersionLabels {
    family: Arc<str>,
    version: String,
    digest8: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TenantLabels {
    tenant: Arc<str>,
    outcome: &'static str,
}

/// The registry, and the handles that are added to.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    seconds: Family<FamilyLabels, Histogram, fn() -> Histogram>,
    versions: Family<VersionLabels, Counter>,
    of_tenants: Family<TenantLabels, Counter>,
    unread: Family<StatusLabels, Counter>,
    models: ModelMetrics,
    components: RwLock<HashMap<Digest, Arc<CallMetrics>>>,
    tenants: RwLock<HashMap<TenantId, Arc<Outcomes>>>,
    host: CallMetrics,
    /// For what is over [`COMPONENTS_MAX`].
    other: Arc<CallMetrics>,
    /// Requests that a rate or a quota refused.
    pub(crate) refused: Counter,
    /// Requests without a token that is valid.
    pub(crate) failed_auth: Counter,
    /// Calls that the collector of telemetry was not told of.
    pub(crate) untold: Counter,
    now: Now,
}

/// What is looked at when somebody asks.
#[derive(Default)]
struct Now {
    in_flight: Gauge,
    queued: Gauge,
    tenants: Gauge,
    memory: Gauge,
}

/// One counter for each way to end, in the order of [`OUTCOMES`].
type Outcomes = [Counter; OUTCOMES.len()];

/// What the calls of one component are counted with.
pub(crate) struct CallMetrics {
    outcomes: Outcomes,
    seconds: Histogram,
    version: Option<(VersionLabels, Counter)>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let calls = Family::<CallLabels, Counter>::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let versions = Family::<VersionLabels, Counter>::default();
        let of_tenants = Family::<TenantLabels, Counter>::default();
        let unread = Family::<StatusLabels, Counter>::default();
        let (refused, failed_auth, untold) = (Counter::default(), Counter::default(), Counter::default());
        let now = Now::default();
        registry.register(
            "openclaw_calls",
            "Calls, uploads and requests of /v1 that were admitted, by family and how they ended",
            calls.clone(),
        );
        registry.register_with_unit(
            "openclaw_call",
            "How long calls took, waiting included",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("openclaw_component_calls", "Calls, by the version that answered", versions.clone());
        registry.register("openclaw_tenant_calls", "The same by tenant and how they ended", of_tenants.clone());
        registry.register("openclaw_refused", "Requests answered 429 by a rate or a quota", refused.clone());
        registry.register(
            "openclaw_refused_unread",
            "Requests that were refused before their calls or their body were looked at, by HTTP status",
            unread.clone(),
        );
        registry.register("openclaw_failed_auth", "Requests without a valid token", failed_auth.clone());
        registry.register(
            "openclaw_telemetry_lost",
            "Calls that the collector of telemetry.otlp was not told of",
            untold.clone(),
        );
        let models = ModelMetrics::default();
        models.register(&mut registry);
        registry.register("openclaw_calls_in_flight", "Calls that have a place", now.in_flight.clone());
        registry.register("openclaw_calls_queued", "Calls that wait for a place", now.queued.clone());
        registry.register("openclaw_tenants", "Tenants of this gateway", now.tenants.clone());
        registry.register("process_resident_memory_bytes", "Resident memory", now.memory.clone());
        let host = CallMetrics::of(&calls, &seconds, &Arc::from(HOST), None);
        let other = Arc::new(CallMetrics::of(&calls, &seconds, &Arc::from(OTHER), None));
        Self {
            registry,
            calls,
            seconds,
            versions,
            of_tenants,
            unread,
            models,
            components: RwLock::default(),
            tenants: RwLock::default(),
            host,
            other,
            refused,
            failed_auth,
            untold,
            now,
        }
    }

    /// For the host's own methods.
    pub(crate) fn host(&self) -> &CallMetrics {
        &self.host
    }

    /// For the calls of a component.
    pub(crate) fn component(&self, component: &Component) -> Arc<CallMetrics> {
        let known = self.components.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(&component.digest) {
            Some(found) => return found.clone(),
            None if known.len() >= COMPONENTS_MAX => return self.other.clone(),
            None => drop(known),
        }
        kept(&self.components, &component.digest, || {
            let family: Arc<str> = component.manifest.family.as_str().into();
            let version = component.manifest.version.clone();
            let labels = VersionLabels { family: family.clone(), version, digest8: component.digest.short() };
            let version = self.versions.get_or_create_owned(&labels);
            CallMetrics::of(&self.calls, &self.seconds, &family, Some((labels, version)))
        })
    }

    /// Forgets versions that are not loaded any more, once there are many.
    fn keep_components(&self, is_loaded: impl Fn(&Digest) -> bool) {
        let mut components = self.components.write().unwrap_or_else(PoisonError::into_inner);
        if components.len() < COMPONENTS_MAX / 2 {
            return;
        }
        let gone: Vec<_> = components.extract_if(|digest, _| !is_loaded(digest)).map(|(_, gone)| gone).collect();
        let kept = components.values().filter_map(|metrics| metrics.version.as_ref());
        let families: HashSet<_> = kept.map(|(labels, _)| labels.family.clone()).collect();
        for (labels, _) in gone.iter().filter_map(|gone| gone.version.as_ref()) {
            self.versions.remove(labels);
            if !families.contains(&labels.family) {
                let family = &labels.family;
                self.seconds.remove(&FamilyLabels { family: family.clone() });
                for outcome in OUTCOMES {
                    self.calls.remove(&CallLabels { family: family.clone(), outcome });
                }
            }
        }
    }

    /// Counts a request whose calls were not looked at. The gateway answers few statuses.
    pub(crate) fn refused_unread(&self, status: StatusCode) {
        self.unread.get_or_create(&StatusLabels { status: status.as_u16() }).inc();
    }

    /// Counts a call for its tenant.
    pub(crate) fn count_for(&self, tenant: &TenantId, code: Option<&str>) {
        let outcomes = kept(&self.tenants, tenant, || {
            let tenant: Arc<str> = tenant.as_str().into();
            OUTCOMES
                .map(|outcome| self.of_tenants.get_or_create_owned(&TenantLabels { tenant: tenant.clone(), outcome }))
        });
        outcomes[outcome(code)].inc();
    }

    /// Counts a call of a model.
    pub(crate) fn count_model(&self, ended: &Ended<'_>, names_tenant: bool) {
        self.models.count(ended, names_tenant);
    }

    /// Forgets the tenants that are not to be named any more.
    fn keep_tenants(&self, is_kept: impl Fn(&TenantId) -> bool) {
        for tenant in keep(&self.tenants, &is_kept) {
            for outcome in OUTCOMES {
                self.of_tenants.remove(&TenantLabels { tenant: tenant.clone(), outcome });
            }
        }
        self.models.keep_tenants(is_kept);
    }
}

impl CallMetrics {
    fn of(
        calls: &Family<CallLabels, Counter>,
        seconds: &Family<FamilyLabels, Histogram, fn() -> Histogram>,
        family: &Arc<str>,
        version: Option<(VersionLabels, Counter)>,
    ) -> Self {
        let labels = |outcome| CallLabels { family: family.clone(), outcome };
        Self {
            outcomes: OUTCOMES.map(|outcome| calls.get_or_create_owned(&labels(outcome))),
            seconds: seconds.get_or_create_owned(&FamilyLabels { family: family.clone() }),
            version,
        }
    }

    /// Runs a call and counts it; one that nobody waits for any more is not counted.
    pub(crate) async fn measure<T>(&self, call: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let started = Instant::now();
        let result = call.await;
        self.count(started.elapsed(), code(&result));
        result
    }

    /// Counts a call that has ended.
    pub(crate) fn count(&self, took: Duration, code: Option<&str>) {
        self.seconds.observe(took.as_secs_f64());
        self.outcomes[outcome(code)].inc();
        if let Some((_, version)) = &self.version {
            version.inc();
        }
    }
}

/// The contract's word for how a call failed; none where it did not.
pub(crate) fn code<T>(result: &Result<T, Problem>) -> Option<&'static str> {
    result.as_ref().err().map(|problem| problem.code)
}

/// The place in [`OUTCOMES`].
fn outcome(code: Option<&str>) -> usize {
    let Some(code) = code else { return 0 };
    OUTCOMES.iter().position(|known| *known == code).unwrap_or(OUTCOMES.len() - 1)
}

/// What is kept for a key; made the first time.
fn kept<K: Clone + Eq + Hash, V>(all: &RwLock<HashMap<K, Arc<V>>>, key: &K, make: impl FnOnce() -> V) -> Arc<V> {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return found.clone();
    }
    let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
    all.entry(key.clone()).or_insert_with(|| Arc::new(make())).clone()
}

/// Keeps the tenants of which this holds; answers those that are gone.
fn keep<V>(all: &RwLock<HashMap<TenantId, V>>, is_kept: impl Fn(&TenantId) -> bool) -> Vec<Arc<str>> {
    let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
    all.extract_if(|id, _| !is_kept(id)).map(|(id, _)| Arc::from(id.as_str())).collect()
}
