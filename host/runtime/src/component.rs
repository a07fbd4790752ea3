//! A component that is loaded: linked, its manifest read, ready for calls.

use std::{path::Path, sync::Arc};

use openclaw_config::gateway::ValidateResults;
use wasmtime::{Engine, Store, component::Linker};

use crate::{
    LoadError,
    bindings::{Gateway, GatewayPre},
    cache::CodeCache,
    call::CallState,
    capability,
    digest::Digest,
    grants::Grants,
    limits::Limits,
    manifest::Manifest,
    meter::Metered,
    services::Services,
};

/// The largest component file that is looked at.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Whose component it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the gateway.
    Builtin,
    /// Named by the operator in `components.load`.
    Operator,
}

/// A loaded component. Shared by everyone who runs the same bytes.
pub struct Component {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The name of its bytes.
    pub digest: Digest,
    /// Whose it is.
    pub origin: Origin,
    /// Its import list: all that it can ever ask for.
    pub imports: Vec<String>,
    pub(crate) pre: GatewayPre<CallState>,
    /// What it answers is not believed to fit its schemas.
    pub(crate) validates_results: bool,
    /// It uses its language's file API: `/` is opened for each of its calls.
    pub(crate) uses_wasi_files: bool,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.manifest.family, self.manifest.version, self.digest)
    }
}

/// Turns files into components.
pub(crate) struct Loader {
    engine: Engine,
    linker: Linker<CallState>,
    cache: CodeCache,
    validate_results: ValidateResults,
}

impl Loader {
    pub(crate) fn new(engine: Engine, cache: CodeCache, validate_results: ValidateResults) -> Result<Self, LoadError> {
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker).map_err(LoadError::engine)?;
        Ok(Self { engine, linker, cache, validate_results })
    }

    /// Reads, compiles, checks the imports against the grants, links, and reads the manifest.
    pub(crate) async fn load(
        &self,
        wasm: &[u8],
        origin: Origin,
        grants: impl FnOnce(&str) -> Grants,
        services: &Arc<Services>,
        limits: &Arc<Limits>,
    ) -> Result<Arc<Component>, LoadError> {
        if wasm.len() > FILE_BYTES_MAX {
            return Err(LoadError::Invalid(format!("{} bytes, more than {FILE_BYTES_MAX}", wasm.len())));
        }
        let digest = Digest::of(wasm);
        let code = self.cache.compile(&self.engine, &digest, wasm)?;
        let imports: Vec<String> =
            code.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        // Nothing runs before the imports are known to be served; grants need the family, which the manifest names.
        Grants::Builtin.check_imports("", imports.iter().map(String::as_str))?;
        let pre = self.linker.instantiate_pre(&code).and_then(GatewayPre::new).map_err(LoadError::invalid)?;
        let manifest = self.manifest(&pre, services, limits).await?;
        let manifest = Manifest::parse(&manifest).map_err(LoadError::Manifest)?;
        let grants = grants(manifest.family.as_str());
        grants.check_imports(manifest.family.as_str(), imports.iter().map(String::as_str))?;
        grants.check_manifest(&manifest)?;
        if origin != Origin::Builtin {
            manifest.check_foreign().map_err(LoadError::Manifest)?;
        }
        let uses_wasi_files = imports.iter().any(|import| import.starts_with("wasi:filesystem/"));
        let validates_results = origin != Origin::Builtin || self.validate_results == ValidateResults::All;
        Ok(Arc::new(Component { manifest, digest, origin, imports, pre, validates_results, uses_wasi_files }))
    }

    /// Asks an instance without a call, so without authority, under the limits of a call.
    async fn manifest(
        &self,
        pre: &GatewayPre<CallState>,
        services: &Arc<Services>,
        limits: &Arc<Limits>,
    ) -> Result<Vec<u8>, LoadError> {
        let state = CallState::without_call(services.clone(), limits.clone());
        let meter = state.meter.clone();
        let mut store = Store::new(&self.engine, state);
        CallState::limit(&mut store);
        let answer = async {
            let instance: Gateway = pre.instantiate_async(&mut store).await?;
            instance.openclaw_gateway_component().call_manifest(&mut store).await
        };
        tokio::time::timeout(limits.wall, Metered::new(answer, meter))
            .await
            .map_err(|_| LoadError::Manifest("its manifest took too long".into()))?
            .map_err(|error| {
                LoadError::Manifest(format!("its manifest could not be read: {error:#}").replace('\n', " "))
            })
    }
}

/// Reads a component file.
#[allow(clippy::disallowed_methods, reason = "the operator names this file")]
pub(crate) async fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read(path))
        .await
        .map_err(|error| LoadError::Unreadable(std::io::Error::other(error)))?
        .map_err(LoadError::Unreadable)
}
