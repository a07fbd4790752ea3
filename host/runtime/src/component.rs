//! A component that is loaded: linked, its manifest read, ready for calls.

mod machine;
mod shelf;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use openclaw_tenancy::TenantId;

use crate::{
    LoadError,
    bindings::{GatewayPre, migrating::MigratingPre},
    cache::CodeCache,
    call::CallState,
    compile::{Client, Compiler, Compiling, OF_TENANTS, Turns},
    digest::Digest,
    engine::Counting,
    grants::{self, Grants},
    inspect::Inspection,
    limits::{Limits, Pool},
    manifest::Manifest,
    services::Services,
    workshop::Workshop,
};
use machine::{Linked, Machine};
use shelf::Shelf;

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
    small: Arc<Machine>,
    counting: Counting,
    /// Made for the first component that needs it: most gateways never do.
    large: OnceLock<Arc<Machine>>,
    cache: Arc<CodeCache>,
    cache_bytes: u64,
    compiler: Arc<Compiler>,
    turns: Turns,
    shelf: Arc<Shelf<Component>>,
    /// Where all of it is done that is not compiling.
    pub(crate) workshop: Arc<Workshop>,
}

/// What loading a file led to.
pub(crate) struct Loaded {
    pub(crate) component: Arc<Component>,
    /// It was compiled for this: nobody had needed it before.
    pub(crate) compiled: bool,
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
            small: Arc::new(small),
            counting,
            large: OnceLock::new(),
            cache: Arc::new(cache),
            cache_bytes: u64::from(compiling.limits.cache_mb) << 20,
            compiler: Arc::new(Compiler::new(compiling, counting)),
            turns: Turns::new(OF_TENANTS),
            shelf: Arc::default(),
            workshop: Arc::new(Workshop::new()),
        })
    }

    fn machine(&self, pool: Pool) -> Result<&Arc<Machine>, LoadError> {
        match (pool, self.large.get()) {
            (Pool::Small, _) => Ok(&self.small),
            (Pool::Large, Some(machine)) => Ok(machine),
            (Pool::Large, None) => {
                let machine = Machine::new(pool, self.small.limits.in_pool(pool), self.counting)?;
                Ok(self.large.get_or_init(|| Arc::new(machine)))
            }
        }
    }

    /// Reads, finds the pool for it, checks that the imports are served, compiles, links, and reads the manifest.
    /// Whether somebody may bind it is not decided here. Only what must be compiled waits for others' compiling.
    /// `digest` is that of `wasm`.
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
        if let Some(component) = self.find(&digest, client.tenant()) {
            return Ok(Loaded { component, compiled: false });
        }
        let file = self.inspect(wasm.clone(), client).await?;
        let machine = self.machine(file.pool(&self.small.limits)?)?;
        let (linked, compiled) = match self.cached(machine, digest, client).await? {
            Some(linked) => (linked, false),
            None => self.compile(machine, digest, wasm, client).await?,
        };
        let component = self.open(machine, digest, linked, client, services).await;
        if compiled && component.is_err() {
            self.forget(&digest);
        }
        Ok(Loaded { component: component?, compiled })
    }

    /// Says no to all that can be refused before it is compiled.
    async fn inspect(&self, wasm: Arc<[u8]>, client: &Client) -> Result<Inspection, LoadError> {
        let file = self.workshop.work(client, move || Inspection::of(&wasm)).await??;
        grants::check_served(file.imports.iter().map(|import| import.name.as_str()))?;
        match client {
            Client::Operator => {}
            Client::Installer(_) | Client::Caller(_) => file.code.check()?,
        }
        Ok(file)
    }

    async fn cached(
        &self,
        machine: &Arc<Machine>,
        digest: Digest,
        client: &Client,
    ) -> Result<Option<Linked>, LoadError> {
        let (cache, machine) = (self.cache.clone(), machine.clone());
        let find = move || cache.find(&machine.engine, &digest).map(|code| machine.link(&code)).transpose();
        self.workshop.work(client, find).await?
    }

    /// Waits for a turn, and compiles what nobody else has compiled meanwhile. The work is done to its end, and kept,
    /// even when nobody waits for it any more.
    async fn compile(
        &self,
        machine: &Arc<Machine>,
        digest: Digest,
        wasm: Arc<[u8]>,
        client: &Client,
    ) -> Result<(Linked, bool), LoadError> {
        let turn = self.turns.take(client).await?;
        if let Some(linked) = self.cached(machine, digest, client).await? {
            return Ok((linked, false));
        }
        let (most, in_use) = (self.cache_bytes, self.shelf.in_use());
        let (compiler, cache, workshop) = (self.compiler.clone(), self.cache.clone(), self.workshop.clone());
        let (machine, client) = (machine.clone(), client.clone());
        let work = tokio::spawn(async move {
            let _turn = turn;
            let code = compiler.compile(&machine.engine, &wasm, &client).await?;
            let keep = move || {
                let component = cache.keep(&machine.engine, &digest, &code)?;
                cache.trim(most, &[&in_use[..], &[digest]].concat());
                machine.link(&component)
            };
            workshop.work(&client, keep).await?
        });
        Ok((work.await.map_err(|error| LoadError::Internal(error.to_string()))??, true))
    }

    /// Reads the manifest, and puts the component where everybody finds it.
    async fn open(
        &self,
        machine: &Arc<Machine>,
        digest: Digest,
        linked: Linked,
        client: &Client,
        services: &Arc<Services>,
    ) -> Result<Arc<Component>, LoadError> {
        let (asked, services) = (machine.clone(), services.clone());
        let answered = self.workshop.attend(async move {
            let manifest = asked.manifest(&linked, &services).await?;
            Ok::<_, LoadError>((manifest, linked))
        });
        let (manifest, linked) = answered.await?;
        let (machine, shelf, whose) = (machine.clone(), self.shelf.clone(), client.tenant().cloned());
        let open = move || {
            let manifest = Manifest::parse(&manifest).map_err(LoadError::Manifest)?;
            let bytes = linked.code_bytes;
            let component = Arc::new(machine.component(manifest, digest, linked));
            Ok(shelf.put(digest, component, bytes, whose.as_ref()))
        };
        let component = self.workshop.work(client, open).await??;
        self.tidy();
        Ok(component)
    }

    /// What is loaded already, for a tenant or the operator to run it. It was made of bytes with this digest, and
    /// whoever asks was found to have those when they came: nobody but the gateway writes to where they are kept, and
    /// what became of the file since is seen when it is next read.
    pub(crate) fn find(&self, digest: &Digest, whose: Option<&TenantId>) -> Option<Arc<Component>> {
        self.shelf.find(digest, whose)
    }

    /// Whether it is loaded.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.shelf.has(digest)
    }

    /// Has what is loaded and needed by nobody taken apart, where it is too much.
    pub(crate) fn tidy(&self) {
        let gone = self.shelf.tidy();
        if !gone.is_empty() {
            self.workshop.discard(gone);
        }
    }

    /// Forgets what was refused, unless somebody else runs it: its code too.
    pub(crate) fn forget(&self, digest: &Digest) {
        if let Ok(gone) = self.shelf.remove(digest) {
            self.cache.forget(&self.small.engine, digest);
            self.workshop.discard(gone);
        }
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
    let digest = tokio::task::spawn_blocking(move || Digest::of(&wasm)).await;
    digest.map_err(|error| LoadError::Internal(error.to_string()))
}
