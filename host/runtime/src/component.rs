//! A component that is loaded: linked, its manifest read, ready for calls.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use tokio::sync::Semaphore;
use wasmtime::{Engine, Store, component::Linker};

use crate::{
    LoadError,
    bindings::{Gateway, GatewayPre},
    cache::CodeCache,
    call::CallState,
    capability,
    digest::Digest,
    engine::{self, Counting, Pool},
    grants,
    inspect::Inspection,
    limits::Limits,
    manifest::Manifest,
    meter::Metered,
    services::Services,
};

/// The largest component file that is looked at.
const FILE_BYTES_MAX: usize = 64 << 20;

/// A loaded component. Shared by everyone who runs the same bytes, so it holds nothing of a binding.
pub struct Component {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The name of its bytes.
    pub digest: Digest,
    /// Its import list: all that it can ever ask for.
    pub imports: Vec<String>,
    /// Where its instances have room.
    pub pool: Pool,
    pub(crate) pre: GatewayPre<CallState>,
    /// Those of its pool.
    pub(crate) limits: Arc<Limits>,
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
    small: Machine,
    counting: Counting,
    /// Made for the first component that needs it: most gateways never do.
    large: OnceLock<Machine>,
    cache: Arc<CodeCache>,
    /// Compiling takes all of a core: one at a time leaves the others to the calls.
    compiling: Semaphore,
    /// What is loaded, for the next who brings the same bytes.
    loaded: Mutex<HashMap<Digest, Weak<Component>>>,
}

/// What runs the components of one pool.
struct Machine {
    engine: Engine,
    linker: Linker<CallState>,
    limits: Arc<Limits>,
}

impl Machine {
    fn new(pool: Pool, limits: Limits, counting: Counting) -> Result<Self, LoadError> {
        let engine = engine::engine(pool, &limits, counting)?;
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker).map_err(LoadError::engine)?;
        Ok(Self { engine, linker, limits: Arc::new(limits) })
    }
}

impl Loader {
    pub(crate) fn new(limits: Limits, cache: CodeCache, counting: Counting) -> Result<Self, LoadError> {
        Ok(Self {
            small: Machine::new(Pool::Small, limits, counting)?,
            counting,
            large: OnceLock::new(),
            cache: Arc::new(cache),
            compiling: Semaphore::new(1),
            loaded: Mutex::default(),
        })
    }

    fn machine(&self, pool: Pool) -> Result<&Machine, LoadError> {
        match (pool, self.large.get()) {
            (Pool::Small, _) => Ok(&self.small),
            (Pool::Large, Some(machine)) => Ok(machine),
            (Pool::Large, None) => {
                let machine = Machine::new(pool, self.small.limits.in_pool(pool), self.counting)?;
                Ok(self.large.get_or_init(|| machine))
            }
        }
    }

    /// Reads, finds the pool for it, compiles, checks that the imports are served, links, and reads the manifest. Whether
    /// somebody may bind it is not decided here.
    pub(crate) async fn load(&self, wasm: Arc<[u8]>, services: &Arc<Services>) -> Result<Arc<Component>, LoadError> {
        if wasm.len() > FILE_BYTES_MAX {
            return Err(LoadError::Invalid(format!("{} bytes, more than {FILE_BYTES_MAX}", wasm.len())));
        }
        let digest = Digest::of(&wasm);
        let turn = self.compiling.acquire().await.map_err(|_| LoadError::Invalid("the gateway is closing".into()))?;
        if let Some(loaded) = self.loaded().get(&digest).and_then(Weak::upgrade) {
            return Ok(loaded);
        }
        let pool = Inspection::of(&wasm)?.pool(&self.small.limits)?;
        let machine = self.machine(pool)?;
        let code = self.compile(&machine.engine, digest, wasm).await?;
        // A manifest that takes its time must not keep others from being loaded.
        drop(turn);
        let imports: Vec<String> =
            code.component_type().imports(&machine.engine).map(|(name, _)| name.to_owned()).collect();
        // Nothing runs before the imports are known to be served.
        grants::check_served(&imports)?;
        let pre = machine.linker.instantiate_pre(&code).and_then(GatewayPre::new).map_err(LoadError::invalid)?;
        let manifest = self.manifest(&pre, services, &machine.limits).await?;
        let manifest = Manifest::parse(&manifest).map_err(LoadError::Manifest)?;
        let uses_wasi_files = imports.iter().any(|import| import.starts_with("wasi:filesystem/"));
        let component = Arc::new(Component {
            manifest,
            digest,
            imports,
            pool,
            pre,
            limits: machine.limits.clone(),
            uses_wasi_files,
        });
        let mut loaded = self.loaded();
        if let Some(earlier) = loaded.get(&digest).and_then(Weak::upgrade) {
            return Ok(earlier);
        }
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&component));
        Ok(component)
    }

    /// Off the threads that answer calls.
    async fn compile(
        &self,
        engine: &Engine,
        digest: Digest,
        wasm: Arc<[u8]>,
    ) -> Result<wasmtime::component::Component, LoadError> {
        let (cache, engine) = (self.cache.clone(), engine.clone());
        tokio::task::spawn_blocking(move || cache.compile(&engine, &digest, &wasm))
            .await
            .map_err(|error| LoadError::Invalid(error.to_string()))?
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Component>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut store = Store::new(pre.engine(), state);
        CallState::limit(&mut store).map_err(LoadError::engine)?;
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
