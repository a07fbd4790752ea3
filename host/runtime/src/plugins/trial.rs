//! The trial of what is to be installed: the calls that it brings along, on state that is thrown away.
//!
//! The code is what was loaded; what stands behind its capabilities is a state directory of the trial's own, with one
//! tenant and default settings. Nothing of whom it is installed for is there, and nothing leads out of it.

use std::{fmt::Display, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use openclaw_billing::{RateLimiter, UsageLedger};
use openclaw_config::{ConfigStore, gateway::GatewayConfig, json, store::Overrides};
use openclaw_control::{ControlDb, Durability};
use openclaw_documents::{Store, StoreSettings};
use openclaw_models::Models;
use openclaw_tenancy::{Actor, Audit, Quotas, Registry, Scratch, TenantId, TenantRecord};
use tokio::time::{Instant, timeout_at};

use crate::{
    AdmissionLimits, CallError,
    binding::{Origin, Version},
    call::{CallFacts, Caller, Subject},
    compile::Client,
    component::{Component, Loader},
    error::{LoadError, Refusal, printable},
    fixtures::{Ending, FixtureCall},
    grants::{GrantSource, Grants},
    invoke::{CallKind, Params},
    sandboxes::Sandboxes,
    services::{Services, ServicesParts},
};

use super::{ChangeError, Install, PluginParts, Plugins, Policy};

/// The one tenant there is.
const TENANT: &str = "trial";

/// What it may store.
const DISK_BYTES: u64 = 64 << 20;

/// All calls of a trial together.
const TIME: Duration = Duration::from_secs(10);

/// The most characters that are told of a value.
const TOLD: usize = 300;

/// A gateway's worth of state for one component.
struct Trial {
    plugins: Arc<Plugins>,
    services: Arc<Services>,
    /// Removed last.
    _scratch: Scratch,
}

impl Plugins {
    /// Runs the calls that a component brings along; false where it brings none.
    pub(super) async fn try_out(
        &self,
        install: &Install,
        component: &Arc<Component>,
        granted: &Grants,
    ) -> Result<bool, ChangeError> {
        let (tenant, wasm, workshop) = (install.scope.tenant(), install.wasm.clone(), &self.loader.workshop);
        let read = workshop.work(&Client::of(tenant), move || FixtureCall::embedded(&wasm)).await?;
        let calls = read.map_err(|flaw| LoadError::Manifest(printable(&flaw)))?;
        if calls.is_empty() {
            return Ok(false);
        }
        let _turn = self.trials.take(&Client::installing(tenant)).await?;
        let _place = self.services.admission.enter(tenant, component.pool).await?;
        let trial = self.open_trial(tenant).await?;
        let (component, granted) = (component.clone(), granted.in_trial());
        let judged = workshop.attend(async move {
            let judged = trial.run(component, granted, &calls).await;
            trial.close().await;
            judged
        });
        judged.await.map(|()| true)
    }

    async fn open_trial(&self, installer: Option<&TenantId>) -> Result<Trial, ChangeError> {
        let (services, loader) = (self.services.clone(), self.loader.clone());
        self.loader.workshop.work(&Client::of(installer), move || Trial::open(&services, loader)).await?
    }
}

impl Trial {
    /// Blocks.
    fn open(of: &Services, loader: Arc<Loader>) -> Result<Self, ChangeError> {
        let scratch = of.home.scratch().map_err(internal)?;
        let home = Arc::new(scratch.home.clone());
        let (config, zone) = (GatewayConfig::default(), TimeZone::UTC);
        let control = ControlDb::open(&home.control_db_path(), Durability::Process).map_err(internal)?;
        let audit = Arc::new(Audit::open(&home, Durability::Process).map_err(internal)?);
        let usage = Arc::new(UsageLedger::open(control.clone(), zone.clone()).map_err(internal)?);
        let services = of.of_trial(ServicesParts {
            registry: Arc::new(Registry::open(&home, control.clone(), audit.clone()).map_err(internal)?),
            documents: Store::new(StoreSettings::with_durability(Durability::Process)),
            models: Arc::new(Models::new(usage.clone(), &config.models).map_err(internal)?),
            usage,
            rates: Arc::new(RateLimiter::new(&zone)),
            secret_key: home.secret_key(None).map_err(internal)?,
            audit,
            sandboxes: Sandboxes::new(&home, config.sandbox.clone()),
            admission: AdmissionLimits::from(&config.gateway.limits),
            free_disk_mb: config.gateway.limits.free_disk_mb,
            config: Arc::new(ConfigStore::new(config.clone(), Overrides::default())),
            home,
            costs: of.costs.clone(),
        });
        let plugins = Plugins::new(PluginParts {
            loader,
            policy: Policy::read(&config.components).map_err(internal)?,
            control,
            services: services.clone(),
            validate_results: config.components.validate_results,
            alone: true,
        })?;
        let plugins = Arc::new(plugins);
        services.set_plugins(&plugins);
        Ok(Self { plugins, services, _scratch: scratch })
    }

    /// Binds the component for everyone, and makes its calls one after another; the first that differs is the error.
    async fn run(&self, component: Arc<Component>, grants: Grants, calls: &[FixtureCall]) -> Result<(), ChangeError> {
        let version = Version {
            component,
            origin: Origin::Operator,
            stats: Arc::default(),
            sequence: 0,
            grants: GrantSource::Own(Arc::new(grants)),
            validates_results: true,
        };
        self.plugins.open(vec![version]).await?;
        let id: TenantId = TENANT.parse().map_err(internal)?;
        let quotas = Quotas { disk_bytes: Some(DISK_BYTES), ..Quotas::default() };
        let made = self.services.registry.create(&id, None, quotas, Actor::Gateway).await;
        let (tenant, _) = made.map_err(internal)?;
        let end = Instant::now() + TIME;
        for call in calls {
            let differs = match timeout_at(end, self.ending(call, &tenant)).await {
                Ok(ending) => call.judge(&ending).map(|found| (found.place, found.expected, found.actual)),
                Err(_) => Some(("time".into(), format!("{} s for all calls", TIME.as_secs()), "more".into())),
            };
            if let Some((place, expected, actual)) = differs {
                let name = printable(&call.name);
                return Err(ChangeError::Fixture {
                    name,
                    place: told(&place),
                    expected: told(&expected),
                    actual: told(&actual),
                });
            }
        }
        Ok(())
    }

    async fn ending(&self, call: &FixtureCall, tenant: &Arc<TenantRecord>) -> Ending {
        let answered = self.answer(call, tenant).await;
        let read = answered.map(|result| json::read(result.as_bytes(), json::DEPTH_MAX));
        match read {
            Ok(Ok(result)) => Ending::Result(result),
            Ok(Err(error)) => Ending::Error { code: "COMPONENT_FAILED".into(), message: error.to_string() },
            Err(error) => Ending::Error { code: error.code().into(), message: for_client(error) },
        }
    }

    /// As a client's call goes, without what is in front of the runtime.
    async fn answer(&self, call: &FixtureCall, tenant: &Arc<TenantRecord>) -> Result<String, CallError> {
        let Some(route) = self.plugins.route(Some(&tenant.id), &call.method).await? else {
            return Err(refused("INVALID_REQUEST", format!("method not found: {}", call.method)));
        };
        let caller = Caller { actor: Actor::Gateway, scopes: call.scopes.as_slice().into() };
        let scope = route.method().scope;
        if !caller.may(scope) {
            let message =
                format!("{} needs the scope {}, which this request does not carry", call.method, scope.name());
            return Err(refused("FORBIDDEN", message));
        }
        let facts = CallFacts {
            method: call.method.as_str().into(),
            subject: Subject::Tenant(tenant.clone()),
            caller,
            request_id: TENANT.into(),
            trace: None,
        };
        let params = Params { value: call.params.clone(), raw: call.params.to_string().into_bytes() };
        Ok(self.plugins.run(&route, facts, params, CallKind::Alone).await?.result)
    }

    /// Ends what is left, and takes the directory away.
    async fn close(self) {
        self.services.close_tasks();
        self.services.documents.close_all().await;
        // The last handles of databases wait for their threads.
        let closed = tokio::task::spawn_blocking(move || drop(self)).await;
        if let Err(error) = closed {
            tracing::warn!(%error, "a trial was not closed");
        }
    }
}

fn refused(code: &str, message: String) -> CallError {
    CallError::Refused(Refusal { code: code.into(), message, data: None, retry_after_ms: None })
}

/// What a client is told: never where a component failed.
fn for_client(error: CallError) -> String {
    match error {
        CallError::InvalidParams(message) | CallError::Unavailable { message, .. } => message,
        CallError::Refused(refusal) => refusal.message,
        CallError::Failed(failure) | CallError::InnerFailed(failure) => match failure.limit {
            Some(limit) => format!("the component broke its limit of {limit}"),
            None => "the component failed".into(),
        },
        CallError::Quota(_) => error.to_string(),
    }
}

fn told(text: &str) -> String {
    printable(text).chars().take(TOLD).collect()
}

fn internal(error: impl Display) -> ChangeError {
    ChangeError::Internal(error.to_string())
}
