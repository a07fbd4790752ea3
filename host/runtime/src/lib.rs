//! The WebAssembly side of the gateway: loading components, binding their
//! methods, and running each call in an instance of its own.
//!
//! Read a call downward: [`Runtime::route`] finds the component, [`Runtime::call`]
//! waits for a place and runs it (`invoke.rs`), and what the handler asks of the
//! host arrives in `capability/`, one file an interface.

mod admission;
mod binding;
mod bindings;
mod cache;
mod call;
#[allow(unreachable_pub, reason = "the generated bindings re-export the handle types")]
mod capability;
mod component;
mod digest;
mod disk;
mod engine;
mod error;
mod events;
mod grants;
mod inspect;
mod invoke;
mod limits;
mod manifest;
mod meter;
mod services;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use openclaw_config::gateway::ValidateResults;
use wasmtime::Engine;

pub use admission::AdmissionLimits;
pub use binding::Route;
pub use cache::CodeCache;
pub use call::{CallFacts, Caller, Subject};
pub use component::{Component, Origin};
pub use digest::Digest;
pub use error::{CallError, Failure, LoadError, Refusal};
pub use events::{Event, EventBus, Subscription};
pub use grants::Grants;
pub use inspect::{Import, Inspection, Need, Shape};
pub use invoke::Params;
pub use limits::{Limit, Limits};
pub use manifest::{Access, Manifest, Method, Schema, Scope, SharedCollection, Tier};
pub use services::{Services, ServicesParts};

use binding::{Bindings, Table};
use component::Loader;

/// How the runtime starts.
pub struct RuntimeSettings {
    /// Of every call.
    pub limits: Limits,
    /// Whose results are validated.
    pub validate_results: ValidateResults,
    /// Where compiled code is kept.
    pub cache: CodeCache,
    /// Our own components: name and bytes.
    pub builtin: Vec<(&'static str, &'static [u8])>,
    /// The operator's component files.
    pub load: Vec<PathBuf>,
    /// What the operator grants, by family.
    pub grants: BTreeMap<String, Vec<String>>,
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

/// The engine with everything that is loaded into it.
pub struct Runtime {
    engine: Engine,
    loader: Loader,
    bindings: Bindings,
    grants: BTreeMap<String, Vec<String>>,
    limits: Arc<Limits>,
    services: Arc<Services>,
}

impl Runtime {
    /// Loads and binds everything, or nothing: a gateway never serves half a product silently.
    pub async fn start(settings: RuntimeSettings, services: Arc<Services>) -> Result<Self, StartError> {
        let failed = |error| StartError { name: "runtime".into(), error };
        let engine = engine::engine(&settings.limits).map_err(failed)?;
        let loader = Loader::new(engine.clone(), settings.cache, settings.validate_results).map_err(failed)?;
        let limits = Arc::new(settings.limits);
        let runtime = Self { engine, loader, bindings: Bindings::default(), grants: settings.grants, limits, services };
        let mut table = Table::default();
        for (name, wasm) in settings.builtin {
            table = runtime.bind(table, name.into(), Ok(wasm.to_vec()), Origin::Builtin).await?;
        }
        for path in settings.load {
            let wasm = component::read(&path).await;
            table = runtime.bind(table, path.display().to_string(), wasm, Origin::Operator).await?;
        }
        runtime.bindings.replace(table);
        Ok(runtime)
    }

    async fn bind(
        &self,
        table: Table,
        name: String,
        wasm: Result<Vec<u8>, LoadError>,
        origin: Origin,
    ) -> Result<Table, StartError> {
        let bound = async {
            let grants = |family: &str| match origin {
                Origin::Builtin => Grants::Builtin,
                Origin::Operator => Grants::Listed(self.grants.get(family).cloned().unwrap_or_default()),
            };
            table.with(self.loader.load(&wasm?, origin, grants, &self.services, &self.limits).await?)
        };
        bound.await.map_err(|error| StartError { name, error })
    }

    /// The component that answers a method, held for the length of a call.
    #[must_use]
    pub fn route(&self, method: &str) -> Option<Route> {
        self.bindings.route(method)
    }

    /// Everything that is bound.
    #[must_use]
    pub fn components(&self) -> Vec<Arc<Component>> {
        self.bindings.components()
    }

    /// Runs one call: waits for a place, then for the answer.
    ///
    /// The result is JSON that fits the method's schema.
    pub async fn call(&self, route: &Route, facts: CallFacts, params: Params) -> Result<String, CallError> {
        let tenant = facts.subject.tenant().cloned();
        let place = self.services.admission.enter(tenant.as_ref().map(|tenant| &tenant.id)).await?;
        let actor = facts.caller.actor.clone();
        let answer = invoke::invoke(&self.engine, route, facts, params, &self.services, &self.limits).await?;
        drop(place);
        if answer.delete_tenant
            && let Some(tenant) = &tenant
        {
            self.services.delete_tenant(&tenant.id, actor).await.map_err(|error| {
                tracing::error!(tenant = %tenant.id, %error, "a tenant could not be deleted");
                CallError::Unavailable {
                    message: "the tenant could not be deleted: the gateway's log has more".into(),
                    retry_after_ms: 1000,
                }
            })?;
        }
        Ok(answer.result)
    }
}
