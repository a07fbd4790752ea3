//! The WebAssembly side of the gateway: loading components, binding their
//! methods, and running each call in an instance of its own.
//!
//! Read a call downward: [`Runtime::route`] finds the version that serves the
//! tenant (`plugins.rs`), [`Runtime::call`]
//! waits for a place and runs it (`invoke.rs`), and what the handler asks of the
//! host arrives in `capability/`, one file an interface.

mod admission;
mod backtrace;
mod binding;
mod bindings;
mod budgets;
mod cache;
mod call;
#[allow(unreachable_pub, reason = "the generated bindings re-export the handle types")]
mod capability;
mod claims;
mod compatible;
mod compile;
mod component;
mod cost;
mod digest;
mod disk;
mod engine;
mod error;
mod events;
mod expected;
mod fixtures;
mod free_space;
mod grant;
mod grants;
mod heavy;
mod inspect;
mod invoke;
mod layers;
mod limits;
mod log_rate;
mod long_calls;
mod manifest;
mod meter;
mod migrations;
mod model_calls;
mod nested;
mod plugins;
mod reports;
mod sandboxes;
mod services;
mod stats;
mod sticky;
mod tasks;
mod trace;
mod uploads;
mod workshop;
mod yielding;

use std::{path::PathBuf, sync::Arc};

use openclaw_config::gateway::ValidateResults;
use openclaw_control::ControlDb;
use openclaw_tenancy::{Actor, TenantId, TenantRecord};

pub use admission::{AdmissionLimits, Standing};
pub use binding::{BindingScope, Origin, Route, Version};
pub use cache::CodeCache;
pub use call::{CallFacts, Caller, InnerCall, InnerCalls, Subject};
pub use compile::{
    Compiling,
    apart::{VERB as COMPILE_VERB, main as compile_apart},
};
pub use component::Component;
pub use cost::{Cost, CostLog};
pub use digest::{Digest, DigestError};
pub use error::{CallError, Failure, GrantError, LimitsError, LoadError, Refusal};
pub use events::{Event, EventBus, Subscription};
pub use fixtures::{Ending, FixtureCall, Mismatch, RawCall, RawExpect, embed};
pub use grant::{Access, Grant, SandboxMode};
pub use grants::Grants;
pub use inspect::{Code, Import, Inspection, Need, Shape};
pub use invoke::Params;
pub use limits::{Limit, Limits, Pool};
pub use manifest::{
    AskedCapability, Manifest, Method, Schema, Scope, SharedCollection, Tier, administers, is_own_family, named_tenant,
};
pub use plugins::{
    Based, ChangeError, Changed, Deed, Entry, Install, Installed, Listed, Plugins, Policy, PolicyError, Row, State,
};
pub use sandboxes::{Confined, Killed, Sandboxes, Typist, Watched, Watcher, find_program};
pub use services::{STORAGE_EVERY, Services, ServicesParts};
pub use stats::{Counted, Stats};
pub use trace::Trace;
pub use uploads::{UPLOAD_BYTES, Upload, UploadError};
pub use yielding::Yielding;

use component::Loader;
use invoke::CallKind;
use plugins::PluginParts;

/// How the runtime starts.
pub struct RuntimeSettings {
    /// Of every call.
    pub limits: Limits,
    /// Whose results are validated.
    pub validate_results: ValidateResults,
    /// Where compiled code is kept.
    pub cache: CodeCache,
    /// How it is compiled.
    pub compiling: Compiling,
    /// Our own components: name and bytes.
    pub builtin: Vec<(&'static str, &'static [u8])>,
    /// The operator's component files.
    pub load: Vec<PathBuf>,
    /// Whom the operator trusts with what.
    pub policy: Policy,
    /// Where it is written down what is installed.
    pub control: ControlDb,
}

/// A component that kept the runtime from starting.
#[derive(Debug, thiserror::Error)]
#[error("the component {name} cannot be loaded: {error}")]
pub struct StartError {
    /// The built-in's name or the file.
    pub name: String,
    /// Why.
    pub error: LoadError,
}

/// Everything that is loaded, and what its calls reach.
pub struct Runtime {
    plugins: Arc<Plugins>,
    services: Arc<Services>,
}

impl Runtime {
    /// Loads and binds everything that comes with the gateway, or nothing: a gateway never serves half a
    /// product silently. What was installed later fails alone, and by name.
    pub async fn start(settings: RuntimeSettings, services: Arc<Services>) -> Result<Self, StartError> {
        let failed = |error| StartError { name: "runtime".into(), error };
        let plugins = Plugins::new(PluginParts {
            loader: Loader::new(settings.limits, settings.cache, settings.compiling, services.counting())
                .map(Arc::new)
                .map_err(failed)?,
            policy: settings.policy,
            control: settings.control,
            services: services.clone(),
            validate_results: settings.validate_results,
            alone: settings.builtin.is_empty(),
        });
        let plugins = Arc::new(plugins.map_err(failed)?);
        services.set_plugins(&plugins);
        let mut base = Vec::new();
        for (name, wasm) in settings.builtin {
            let bound = plugins.base(&base, wasm.into(), Origin::Builtin).await;
            base.push(bound.map_err(|error| StartError { name: name.into(), error })?);
        }
        for path in settings.load {
            let bound = match component::read(&path).await {
                Ok(wasm) => plugins.base(&base, wasm.into(), Origin::Operator).await,
                Err(error) => Err(error),
            };
            base.push(bound.map_err(|error| StartError { name: path.display().to_string(), error })?);
        }
        plugins.open(base).await.map_err(|error| StartError { name: "installed components".into(), error })?;
        Ok(Self { plugins, services })
    }

    /// What is bound, and how that is changed.
    #[must_use]
    pub fn plugins(&self) -> &Arc<Plugins> {
        &self.plugins
    }

    /// The component that answers a tenant's method, held for the length of a call.
    pub async fn route(&self, tenant: Option<&TenantId>, method: &str) -> Result<Option<Route>, CallError> {
        self.plugins.route(tenant, method).await
    }

    /// The component that is bound for everyone, for a call about a tenant whose own component must not answer it.
    pub async fn route_for_everyone(&self, method: &str) -> Result<Option<Route>, CallError> {
        self.plugins.route_for_everyone(method).await
    }

    /// Runs work on a client's bytes that grows with them, without holding up anyone's short calls.
    pub async fn at_length<T>(&self, tenant: Option<&TenantId>, bytes: usize, work: impl FnOnce() -> T) -> T {
        self.services.at_length(tenant, bytes, work).await
    }

    /// How many calls run and wait at this moment.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.services.admission.standing()
    }

    /// Runs one call: waits for a place, then for the answer.
    ///
    /// The result is JSON; whether it was checked against the method's schema is what
    /// `components.validate_results` says.
    pub async fn call(&self, route: &Route, facts: CallFacts, params: Params) -> Result<String, CallError> {
        let tenant = facts.subject.tenant().cloned();
        let (admission, pool) = (&self.services.admission, route.component().pool);
        let place = admission.enter(tenant.as_ref().map(|tenant| &tenant.id), pool).await?;
        let actor = facts.caller.actor.clone();
        let answer = self.plugins.run(route, facts, params, CallKind::Alone).await?;
        drop(place);
        if answer.delete_tenant
            && let Some(tenant) = &tenant
        {
            self.delete(tenant, actor).await?;
        }
        Ok(answer.result)
    }

    /// Wipes a tenant, to the end, whoever hangs up: what was left of it would be its namesake's.
    async fn delete(&self, tenant: &Arc<TenantRecord>, actor: Actor) -> Result<(), CallError> {
        let (services, plugins, gone) = (self.services.clone(), self.plugins.clone(), tenant.clone());
        let deleting = tokio::spawn(async move {
            let tenant = gone.clone();
            let forget = async move { plugins.forget(&gone).await };
            services.delete_tenant(&tenant, actor, forget).await.map_err(|error| error.to_string())
        });
        deleting.await.unwrap_or_else(|error| Err(error.to_string())).map_err(|error| {
            tracing::error!(tenant = %tenant.id, error, "a tenant could not be deleted");
            CallError::Unavailable {
                message: "the tenant could not be deleted: the gateway's log has more".into(),
                retry_after_ms: Some(1000),
            }
        })
    }
}
