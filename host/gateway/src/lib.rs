//! The gateway: from a request's bytes to its reply.
//!
//! `POST /rpc` and the WebSocket on `GET /rpc` (http.rs, websocket.rs) share one
//! path, which reads down `rpc.rs` in call order; files that are too large for it
//! come by `uploads.rs`, and clients of OpenAI's interface by `v1.rs`. `reply.rs` is the one place
//! that turns failures into replies, `auth.rs` the one that sees tokens.

#![forbid(unsafe_code)]

mod admin;
mod auth;
mod billing;
mod changes;
mod components;
mod connections;
mod crowd;
mod discover;
mod ending;
mod host;
mod http;
mod in_flight;
mod metrics;
mod origin;
mod pieces;
mod rate_card;
mod reply;
mod request;
mod rpc;
mod run_stream;
mod schemas;
mod serve;
mod server_sent;
mod telemetry;
mod terminal_page;
mod tls;
mod trace_context;
mod uploads;
mod v1;
mod websocket;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use jiff::tz::TimeZone;
use openclaw_billing::{LedgerError, RateLimiter, UsageLedger};
use openclaw_config::{
    ConfigStore, GatewayConfig, Loaded, Secret, gateway::Durability as ConfigDurability, store::Overrides,
};
use openclaw_control::{ControlDb, ControlError, Durability};
use openclaw_documents::{Store, StoreSettings};
use openclaw_models::Models;
use openclaw_runtime::{
    AdmissionLimits, CodeCache, Compiling, CostLog, Limits, Policy, PolicyError, Runtime, RuntimeSettings,
    STORAGE_EVERY, Sandboxes, Services, ServicesParts, StartError,
};
use openclaw_tenancy::{Audit, AuditError, Home, HomeError, HomeLock, OperatorToken, Registry, RegistryError};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

pub use auth::Identity;
pub use openclaw_models::CatalogError;
pub use rate_card::{RateCardError, rate_card};
pub use reply::{ANOTHER_TENANT, OPERATOR_ONLY};
pub use rpc::Reply;
pub use serve::{Listeners, ServeError};
pub use tls::{Certificate, TlsError};

use auth::FailedAuthLimiter;
use crowd::Crowd;
use discover::Discovered;
use in_flight::InFlight;
use metrics::Metrics;
use telemetry::Telemetry;

/// How often counters reach the disk and idle databases are closed.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// The most bytes of request bodies that a tenant has under way.
const BODY_BYTES_PER_TENANT: u64 = 64 << 20;

/// The most bytes of replies that a tenant has left unread before its next request is refused.
const REPLY_BYTES_PER_TENANT: u64 = 64 << 20;

/// The most WebSockets that a tenant has open.
const SOCKETS_PER_TENANT: u64 = 256;

/// The most reports of a tenant that are written at once.
const REPORTS_PER_TENANT: u64 = 1;

/// What a gateway is opened on.
pub struct GatewaySettings {
    /// The state directory.
    pub home: Home,
    /// The proof that nobody else has it.
    pub lock: HomeLock,
    /// Its configuration.
    pub loaded: Loaded,
    /// What was laid over the file, for judging it again when it is written.
    pub overrides: Overrides,
    /// The embedded components.
    pub builtin: Vec<(&'static str, &'static [u8])>,
    /// Where calls write what they took; for measuring a component, not for serving.
    pub costs: Option<Arc<CostLog>>,
    /// The program that compiles what tenants bring, as [`Compiling::apart`] says.
    pub compiler: Option<PathBuf>,
}

/// Why a gateway does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The state directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// `control.db`.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The tenants.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The usage rows.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// `audit.jsonl`.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A component.
    #[error(transparent)]
    Component(#[from] StartError),
    /// What the configuration says of components.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// `billing.rate_card`.
    #[error(transparent)]
    RateCard(#[from] RateCardError),
    /// `models`.
    #[error(transparent)]
    Models(#[from] CatalogError),
    /// `billing.timezone`.
    #[error("billing.timezone: {0} is no IANA time zone")]
    TimeZone(String),
}

/// A gateway on one home.
pub struct Gateway {
    config: ArcSwap<GatewayConfig>,
    generation: AtomicU64,
    runtime: Runtime,
    services: Arc<Services>,
    /// What the listener shows its clients, where it serves TLS.
    certificate: ArcSwapOption<Certificate>,
    operator: ArcSwap<OperatorToken>,
    /// Another operator's token is in force.
    operator_changed: watch::Sender<()>,
    failed_auth: FailedAuthLimiter,
    pub(crate) bodies: InFlight,
    pub(crate) replies: InFlight,
    pub(crate) sockets: InFlight,
    pub(crate) reports: InFlight,
    metrics: Metrics,
    telemetry: Telemetry,
    /// `rpc.discover` of what is bound for everyone.
    discovered: ArcSwap<Discovered>,
    crowd: Arc<Crowd>,
    draining: watch::Sender<bool>,
    /// The gateway's own configuration was written by a call.
    config_written: Notify,
    _lock: HomeLock,
}

/// What a gateway would not open with in `models`: keys and scripts that are of no use.
pub fn check_models(config: &GatewayConfig) -> Result<(), CatalogError> {
    Models::check(&config.models)
}

impl Gateway {
    /// Opens the home and loads the components. Everything, or an error that names what is wrong.
    pub async fn open(settings: GatewaySettings) -> Result<Arc<Self>, OpenError> {
        let GatewaySettings { home, lock, loaded, overrides, builtin, costs, compiler } = settings;
        let card = rate_card(&loaded)?;
        let config = loaded.config;
        let (services, control) = services(Arc::new(home), &config, overrides, costs)?;
        services.usage.set_rate_card(card).await?;
        let configured = config.gateway.control_plane_token.as_ref().map(Secret::expose);
        let operator = services.home.operator_token(configured)?;
        let compiling = Compiling { apart: compiler, limits: config.components.compile.clone() };
        let runtime = runtime_settings(&services, control, &config, builtin, compiling)?;
        let runtime = Runtime::start(runtime, services.clone()).await?;
        let metrics = Metrics::new();
        let gateway = Arc::new(Self {
            config: ArcSwap::from_pointee(config),
            generation: AtomicU64::new(1),
            runtime,
            services,
            certificate: ArcSwapOption::empty(),
            operator: ArcSwap::from_pointee(operator),
            operator_changed: watch::Sender::new(()),
            failed_auth: FailedAuthLimiter::default(),
            bodies: InFlight::new("bytes of requests", BODY_BYTES_PER_TENANT),
            replies: InFlight::new("bytes of replies that nobody reads", REPLY_BYTES_PER_TENANT),
            sockets: InFlight::new("WebSockets", SOCKETS_PER_TENANT),
            reports: InFlight::new("reports", REPORTS_PER_TENANT),
            telemetry: Telemetry::new(metrics.untold.clone()),
            metrics,
            discovered: ArcSwap::default(),
            crowd: Arc::new(Crowd::new()),
            draining: watch::Sender::new(false),
            config_written: Notify::new(),
            _lock: lock,
        });
        let told = Arc::downgrade(&gateway);
        gateway.services.tell_of_inner_calls(Box::new(move |inner| {
            if let Some(gateway) = told.upgrade() {
                gateway.inner_ended(inner);
            }
        }));
        let told = Arc::downgrade(&gateway);
        gateway.services.models.tell_of_calls(Box::new(move |ended| {
            if let Some(gateway) = told.upgrade() {
                gateway.metrics.count_model(ended, gateway.config().telemetry.tenant_label);
            }
        }));
        gateway.telemetry.follow(&gateway, gateway.config().telemetry.otlp.as_ref());
        gateway.services.tidy_sandboxes();
        let services = gateway.services.clone();
        tokio::spawn(async move { rate_card::check(&services.usage).await });
        tokio::spawn(changes::announce(Arc::downgrade(&gateway)));
        tokio::spawn(keep_house(Arc::downgrade(&gateway)));
        Ok(gateway)
    }

    /// Puts a new, valid configuration in force for the requests that come, the operator's token with it.
    pub async fn reload(self: &Arc<Self>, loaded: Loaded) -> Result<(), OpenError> {
        let configured = loaded.config.gateway.control_plane_token.as_ref().map(Secret::expose);
        let operator = self.services.home.operator_token(configured)?;
        let (policy, card) = (Policy::read(&loaded.config.components)?, rate_card(&loaded)?);
        self.services.models.configure(&loaded.config.models)?;
        self.services.usage.set_rate_card(card).await?;
        // From here on nothing fails. A token that was replaced opens nothing while the rest waits for an install.
        let before = self.operator.swap(Arc::new(operator.clone()));
        if !operator.matches(before.reveal()) {
            self.operator_changed.send_replace(());
        }
        self.services.keep_free(loaded.config.gateway.limits.free_disk_mb);
        self.services.configure_sandboxes(loaded.config.sandbox.clone());
        self.services.config.set_base(loaded.config.clone());
        self.telemetry.follow(self, loaded.config.telemetry.otlp.as_ref());
        self.config.store(Arc::new(loaded.config));
        self.runtime.plugins().set_policy(policy).await;
        self.generation.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Resolves when a call has written the gateway's own configuration, which is then to be reloaded.
    pub async fn config_written(&self) {
        self.config_written.notified().await;
    }

    /// Writes what is still in memory. The gateway is of no use afterwards.
    pub async fn close(&self) {
        self.drain();
        self.services.close_tasks();
        self.services.sandboxes.close().await;
        let services = self.services.clone();
        let _ = tokio::task::spawn_blocking(move || services.tell_attempts(true)).await;
        if let Err(error) = self.services.usage.flush().await {
            tracing::error!(%error, "the last second of usage could not be written");
        }
        if let Err(error) = self.services.registry.flush_last_seen().await {
            tracing::warn!(%error, "when tenants were last seen could not be written");
        }
        self.services.documents.close_all().await;
        let indexes = self.services.indexes.clone();
        let _ = tokio::task::spawn_blocking(move || indexes.close_all()).await;
        // Last: a collector that hangs may take its time.
        self.telemetry.close().await;
    }

    pub(crate) fn config(&self) -> Guard<Arc<GatewayConfig>> {
        self.config.load()
    }

    pub(crate) fn config_generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.certificate.load().as_deref().cloned()
    }

    /// Has the listener show this certificate to the clients that come, and serve them by TLS alone.
    pub fn present(&self, certificate: Certificate) {
        self.certificate.store(Some(Arc::new(certificate)));
    }

    /// Whether clients reach the listener by TLS alone.
    #[must_use]
    pub fn serves_tls(&self) -> bool {
        self.certificate.load().is_some()
    }

    pub(crate) fn operator_token(&self) -> Guard<Arc<OperatorToken>> {
        self.operator.load()
    }

    /// Tells when the operator's token has been replaced.
    pub(crate) fn operator_changes(&self) -> watch::Receiver<()> {
        self.operator_changed.subscribe()
    }

    /// Says that the gateway is going down: `/readyz` fails, WebSockets close.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when the gateway is going down.
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as this gateway.
        let _ = draining.wait_for(|draining| *draining).await;
    }
}

fn services(
    home: Arc<Home>,
    config: &GatewayConfig,
    overrides: Overrides,
    costs: Option<Arc<CostLog>>,
) -> Result<(Arc<Services>, ControlDb), OpenError> {
    let durability = match config.durability {
        ConfigDurability::Process => Durability::Process,
        ConfigDurability::PowerSafe => Durability::PowerSafe,
    };
    let zone =
        TimeZone::get(&config.billing.timezone).map_err(|_| OpenError::TimeZone(config.billing.timezone.clone()))?;
    home.refuse_lost_registry()?;
    home.remove_scratch()?;
    let control = ControlDb::open(&home.control_db_path(), durability)?;
    let audit = Arc::new(Audit::open(&home, durability)?);
    let usage = Arc::new(UsageLedger::open(control.clone(), zone.clone())?);
    let services = Services::new(ServicesParts {
        registry: Arc::new(Registry::open(&home, control.clone(), audit.clone())?),
        documents: Store::new(StoreSettings::with_durability(durability)),
        config: Arc::new(ConfigStore::new(config.clone(), overrides)),
        models: Arc::new(Models::new(usage.clone(), &config.models)?),
        usage,
        rates: Arc::new(RateLimiter::new(&zone)),
        secret_key: home.secret_key(config.secrets.key_file.as_deref().map(Path::new))?,
        audit,
        sandboxes: Sandboxes::new(&home, config.sandbox.clone()),
        admission: AdmissionLimits::from(&config.gateway.limits),
        free_disk_mb: config.gateway.limits.free_disk_mb,
        home,
        costs,
    });
    Ok((services, control))
}

fn runtime_settings(
    services: &Services,
    control: ControlDb,
    config: &GatewayConfig,
    builtin: Vec<(&'static str, &'static [u8])>,
    compiling: Compiling,
) -> Result<RuntimeSettings, OpenError> {
    Ok(RuntimeSettings {
        limits: Limits::from(&config.components.limits),
        validate_results: config.components.validate_results,
        cache: CodeCache::new(services.home.cache_path(), services.secret_key.derive(b"code-cache")),
        compiling,
        builtin,
        load: config.components.load.iter().map(PathBuf::from).collect(),
        policy: Policy::read(&config.components)?,
        control,
    })
}

/// What is due every second, until the gateway is gone.
async fn keep_house(gateway: std::sync::Weak<Gateway>) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    let (mut closing, mut measuring): (Option<JoinHandle<()>>, Option<JoinHandle<()>>) = (None, None);
    let is_over = |task: &Option<JoinHandle<()>>| task.as_ref().is_none_or(JoinHandle::is_finished);
    for second in 0_u64.. {
        ticks.tick().await;
        let Some(gateway) = gateway.upgrade() else { return };
        let services = &gateway.services;
        if let Err(error) = services.usage.flush().await {
            tracing::error!(%error, "usage could not be written: it is kept and tried again");
        }
        if let Err(error) = services.registry.flush_last_seen().await {
            tracing::warn!(%error, "when tenants were last seen could not be written");
        }
        if second.is_multiple_of(10)
            && let Err(error) = services.usage.roll_up().await
        {
            tracing::warn!(%error, "the sums of usage are behind: reports add up what is missing");
        }
        if second.is_multiple_of(60) {
            match services.usage.expire(services.now().wall).await {
                Ok(0) => {}
                Ok(calls) => tracing::warn!(calls, "calls were open past their time: they are estimated"),
                Err(error) => tracing::warn!(%error, "calls that are open past their time stay open"),
            }
            services.rates.forget_idle(services.now().monotonic);
            let services = services.clone();
            let _ = tokio::task::spawn_blocking(move || services.tell_attempts(false)).await;
        }
        gateway.failed_auth.tell_rest(Instant::now());
        // Each database is closed by a thread of its tenant's, which may be at work for long.
        if is_over(&closing) {
            let services = services.clone();
            closing = Some(tokio::spawn(async move {
                services.documents.close_idle().await;
                let _ = tokio::task::spawn_blocking(move || services.indexes.close_idle()).await;
            }));
        }
        if second > 0 && second.is_multiple_of(STORAGE_EVERY.as_secs().unsigned_abs()) && is_over(&measuring) {
            let services = gateway.services.clone();
            measuring = Some(tokio::spawn(async move { services.measure_storage().await }));
        }
        gateway.runtime.plugins().retire_idle(Instant::now());
    }
}
