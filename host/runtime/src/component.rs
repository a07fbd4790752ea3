//! A component that is loaded: linked, its manifest read, ready for calls.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use wasmtime::{
    Engine, Store,
    component::{Component as Compiled, Linker},
};

use crate::{
    LoadError,
    bindings::{
        Gateway, GatewayPre,
        migrating::{self, MigratingPre},
    },
    cache::CodeCache,
    call::CallState,
    capability,
    compile::{Client, Compiler, Compiling, Turns},
    digest::Digest,
    engine::{self, Counting},
    grants::{self, Grants},
    inspect::Inspection,
    limits::{Limits, Pool},
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
    /// Converts what other versions left, where it does.
    pub(crate) migration: Option<MigratingPre<CallState>>,
    /// Those of its pool.
    pub(crate) limits: Arc<Limits>,
    /// It uses its language's file API: `/` is opened for each of its calls.
    pub(crate) uses_wasi_files: bool,
}

impl Component {
    /// Everything that it can ask for: by its import list, and by what its manifest names.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        Grants::asked(&self.imports, &self.manifest)
    }
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
    cache_bytes: u64,
    compiler: Arc<Compiler>,
    turns: Turns,
    /// What is loaded, for the next who brings the same bytes.
    loaded: Mutex<HashMap<Digest, Weak<Component>>>,
}

/// What loading a file led to.
pub(crate) struct Loaded {
    pub(crate) component: Arc<Component>,
    /// It was compiled for this: nobody had needed it before.
    pub(crate) compiled: bool,
}

/// What runs the components of one pool.
struct Machine {
    pool: Pool,
    engine: Engine,
    linker: Linker<CallState>,
    limits: Arc<Limits>,
}

impl Machine {
    fn new(pool: Pool, limits: Limits, counting: Counting) -> Result<Self, LoadError> {
        let engine = engine::engine(pool, &limits, counting)?;
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker).map_err(LoadError::engine)?;
        Ok(Self { pool, engine, linker, limits: Arc::new(limits) })
    }
}

impl Loader {
    pub(crate) fn new(
        limits: Limits,
        cache: CodeCache,
        compiling: Compiling,
        counting: Counting,
    ) -> Result<Self, LoadError> {
        let small = Machine::new(Pool::Small, limits, counting)?;
        cache.sweep(&small.engine);
        Ok(Self {
            small,
            counting,
            large: OnceLock::new(),
            cache: Arc::new(cache),
            cache_bytes: u64::from(compiling.limits.cache_mb) << 20,
            compiler: Arc::new(Compiler::new(compiling, counting)),
            turns: Turns::new(),
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

    /// Reads, finds the pool for it, checks that the imports are served, compiles, links, and reads the manifest.
    /// Whether somebody may bind it is not decided here. Only what must be compiled waits for others. `digest` is that
    /// of `wasm`.
    pub(crate) async fn load(
        &self,
        wasm: Arc<[u8]>,
        digest: Digest,
        client: &Client,
        services: &Arc<Services>,
    ) -> Result<Loaded, LoadError> {
        if wasm.len() > FILE_BYTES_MAX {
            return Err(LoadError::Invalid(format!("{} bytes, more than {FILE_BYTES_MAX}", wasm.len())));
        }
        if let Some(component) = self.find(&digest) {
            return Ok(Loaded { component, compiled: false });
        }
        let file = self.inspect(wasm.clone(), client).await?;
        let machine = self.machine(file.pool(&self.small.limits)?)?;
        let (code, compiled) = match self.cached(&machine.engine, digest).await? {
            Some(code) => (code, false),
            None => self.compile(&machine.engine, digest, wasm, client).await?,
        };
        let component = self.link(machine, digest, &code, services).await;
        if compiled && component.is_err() {
            self.forget(&digest);
        }
        Ok(Loaded { component: component?, compiled })
    }

    /// Says no to all that can be refused before it is compiled.
    async fn inspect(&self, wasm: Arc<[u8]>, client: &Client) -> Result<Inspection, LoadError> {
        let file = blocking(move || Inspection::of(&wasm)).await?;
        grants::check_served(file.imports.iter().map(|import| import.name.as_str()))?;
        match client {
            Client::Operator => {}
            Client::Installer(_) | Client::Caller(_) => file.code.check()?,
        }
        Ok(file)
    }

    async fn cached(&self, engine: &Engine, digest: Digest) -> Result<Option<Compiled>, LoadError> {
        let (cache, engine) = (self.cache.clone(), engine.clone());
        blocking(move || Ok(cache.find(&engine, &digest))).await
    }

    /// Waits for a turn, and compiles what nobody else has compiled meanwhile. The work is done to its end, and kept,
    /// even when nobody waits for it any more.
    async fn compile(
        &self,
        engine: &Engine,
        digest: Digest,
        wasm: Arc<[u8]>,
        client: &Client,
    ) -> Result<(Compiled, bool), LoadError> {
        let turn = self.turns.take(client).await?;
        if let Some(code) = self.cached(engine, digest).await? {
            return Ok((code, false));
        }
        let (most, in_use) = (self.cache_bytes, self.in_use());
        let (compiler, cache, engine, client) =
            (self.compiler.clone(), self.cache.clone(), engine.clone(), client.clone());
        let work = tokio::spawn(async move {
            let _turn = turn;
            let code = compiler.compile(&engine, &wasm, &client).await?;
            blocking(move || {
                let component = cache.keep(&engine, &digest, &code)?;
                cache.trim(most, &[&in_use[..], &[digest]].concat());
                Ok(component)
            })
            .await
        });
        Ok((work.await.map_err(|error| LoadError::Internal(error.to_string()))??, true))
    }

    async fn link(
        &self,
        machine: &Machine,
        digest: Digest,
        code: &Compiled,
        services: &Arc<Services>,
    ) -> Result<Arc<Component>, LoadError> {
        let imports: Vec<String> =
            code.component_type().imports(&machine.engine).map(|(name, _)| name.to_owned()).collect();
        // Nothing runs before the imports are known to be served: the compiler's own word on them.
        grants::check_served(imports.iter().map(String::as_str))?;
        let linked = machine.linker.instantiate_pre(code).map_err(LoadError::invalid)?;
        let migrates = code.get_export_index(None, migrating::NAME).is_some();
        let migration = migrates.then(|| MigratingPre::new(linked.clone())).transpose().map_err(LoadError::invalid)?;
        let pre = GatewayPre::new(linked).map_err(LoadError::invalid)?;
        let manifest = self.manifest(&pre, services, &machine.limits).await?;
        let manifest = blocking(move || Manifest::parse(&manifest).map_err(LoadError::Manifest)).await?;
        let uses_wasi_files = imports.iter().any(|import| import.starts_with("wasi:filesystem/"));
        let component = Arc::new(Component {
            manifest,
            digest,
            imports,
            pool: machine.pool,
            pre,
            migration,
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

    /// What is loaded already.
    pub(crate) fn find(&self, digest: &Digest) -> Option<Arc<Component>> {
        self.loaded().get(digest).and_then(Weak::upgrade)
    }

    /// Forgets the code of what was refused, unless somebody else runs it.
    pub(crate) fn forget(&self, digest: &Digest) {
        if self.find(digest).is_none() {
            self.cache.forget(&self.small.engine, digest);
        }
    }

    fn in_use(&self) -> Vec<Digest> {
        let loaded = self.loaded();
        loaded.iter().filter(|(_, component)| component.strong_count() > 0).map(|(digest, _)| *digest).collect()
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

/// The name of these bytes.
pub(crate) async fn digest(wasm: &Arc<[u8]>) -> Result<Digest, LoadError> {
    let wasm = wasm.clone();
    blocking(move || Ok(Digest::of(&wasm))).await
}

/// Off the threads that answer calls.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| Err(LoadError::Internal(error.to_string())))
}
