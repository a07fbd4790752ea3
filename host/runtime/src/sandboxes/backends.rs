//! The ways to confine a workload, each opened when it is first needed and again when its settings change.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use openclaw_config::gateway::Sandbox;
use openclaw_sandbox::{
    Backend, Bwrap, BwrapOptions, Docker, DockerImage, DockerOptions, Error, Mode, Reaper,
    image::{self, Tree},
};
use openclaw_tenancy::Home;
use tokio::{
    runtime::Handle,
    sync::{Mutex, OnceCell},
};

/// How long the first workload waits for the system that it sees.
const TREE_PATIENCE: Duration = Duration::from_secs(15);

/// Made when the engine is first used.
const ENGINE_USED: &str = "engine-used";

/// Opens what workloads are run by.
pub(super) struct Backends {
    /// Where they are opened, whoever is first to need one: their threads and processes serve all tenants, and have the
    /// priority of the thread that makes them.
    runtime: Handle,
    directory: PathBuf,
    /// Where the system is that workloads see.
    image: PathBuf,
    reaper: OnceCell<Reaper>,
    bwrap: Mutex<Option<Opened>>,
    docker: Mutex<Option<Opened>>,
    /// What an earlier gateway left with the engine is gone.
    tidied: AtomicBool,
    /// The packages for which the tree was last seen to, and why that failed.
    tree: Mutex<Option<(Vec<String>, Option<String>)>>,
}

/// A back end with the settings that it was opened with.
struct Opened {
    settings: Settings,
    backend: Arc<dyn Backend>,
}

/// All that a back end is made of.
#[derive(Debug, PartialEq)]
struct Settings {
    strict: bool,
    pool: u32,
    tree: Option<String>,
    image: Option<String>,
    runtime: Option<String>,
    socket: String,
}

impl Settings {
    /// `tree`: the digest of the system that workloads see.
    fn of(mode: Mode, config: &Sandbox, tree: Option<String>) -> Self {
        Self {
            strict: config.strict,
            pool: match mode {
                Mode::Bwrap => config.pool,
                Mode::Docker => config.docker_pool,
            },
            tree,
            image: config.image.clone(),
            runtime: config.runtime.clone(),
            socket: config.docker_socket.clone(),
        }
    }
}

impl Backends {
    pub(super) fn new(home: &Home) -> Self {
        Self {
            runtime: Handle::current(),
            directory: home.sandbox_path(),
            image: home.sandbox_image_path(),
            reaper: OnceCell::new(),
            bwrap: Mutex::default(),
            docker: Mutex::default(),
            tidied: AtomicBool::default(),
            tree: Mutex::default(),
        }
    }

    async fn make<T: Send + 'static>(
        &self,
        making: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let made = self.runtime.spawn(making).await;
        made.unwrap_or_else(|error| Err(Error::Io { what: "a back end of the sandboxes", source: error.into() }))
    }

    /// The back end of a mode, as the configuration wants it. Calls that come while it opens wait for it.
    pub(super) async fn open(&self, mode: Mode, config: &Sandbox) -> Result<Arc<dyn Backend>, Error> {
        let slot = match mode {
            Mode::Bwrap => &self.bwrap,
            Mode::Docker => &self.docker,
        };
        let mut slot = slot.lock().await;
        let tree = self.tree(config).await;
        let settings = Settings::of(mode, config, tree.as_ref().ok().map(|tree| tree.digest().to_owned()));
        if let Some(opened) = slot.as_ref().filter(|opened| opened.settings == settings) {
            return Ok(opened.backend.clone());
        }
        let directory = self.directory.clone();
        let start = async || self.make(async move { start_reaper(&directory) }).await;
        let reaper = self.reaper.get_or_try_init(start).await?.clone();
        let backend: Arc<dyn Backend> = match mode {
            Mode::Bwrap => {
                let options = BwrapOptions {
                    program: find_program("bwrap"),
                    directory: self.directory.clone(),
                    tree: tree.ok(),
                    strict: config.strict,
                    pool: config.pool as usize,
                    reaper,
                };
                Arc::new(self.make(async move { Bwrap::open(options) }).await?)
            }
            Mode::Docker => {
                let options = DockerOptions {
                    socket: config.docker_socket.clone().into(),
                    directory: self.directory.clone(),
                    image: docker_image(config, tree)?,
                    runtime: config.runtime.clone(),
                    strict: config.strict,
                    pool: config.docker_pool as usize,
                    // Later, what it has is ours.
                    tidy: !self.tidied.load(Relaxed),
                    reaper,
                };
                Arc::new(self.make(Docker::open(options)).await?)
            }
        };
        if mode == Mode::Docker {
            self.tidied.store(true, Relaxed);
            self.note_engine();
        }
        if let Some(before) = slot.replace(Opened { settings, backend: backend.clone() }) {
            tokio::spawn(async move { before.backend.close().await });
        }
        Ok(backend)
    }

    /// Has the back ends that were opened by other settings keep nothing ready any more: the next workload opens
    /// others.
    pub(super) async fn retire(&self, config: &Sandbox) {
        for (mode, slot) in [(Mode::Bwrap, &self.bwrap), (Mode::Docker, &self.docker)] {
            let is_another =
                |opened: &mut Opened| opened.settings != Settings::of(mode, config, opened.settings.tree.clone());
            let before = slot.lock().await.take_if(is_another);
            if let Some(before) = before {
                before.backend.close().await;
            }
        }
    }

    /// Ends what is kept ready; for the end of the gateway.
    pub(super) async fn close(&self) {
        for slot in [&self.bwrap, &self.docker] {
            let opened = slot.lock().await.as_ref().map(|opened| opened.backend.clone());
            if let Some(backend) = opened {
                backend.close().await;
            }
        }
    }

    /// Whether an engine was ever told to run something: it may do so still, for a gateway that is no more.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    pub(super) fn has_used_engine(&self) -> bool {
        self.directory.join(ENGINE_USED).exists()
    }

    #[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
    fn note_engine(&self) {
        if let Err(error) = std::fs::write(self.directory.join(ENGINE_USED), "") {
            tracing::warn!(%error, "what the engine runs may outlive this gateway, should it be killed");
        }
    }

    /// The system that workloads see. Once in this process it is brought up to date with the machine's packages, unless
    /// that takes too long; later it is whatever was built last, by `openclaw sandbox image build` too.
    async fn tree(&self, config: &Sandbox) -> Result<Tree, String> {
        let mut seen = self.tree.lock().await;
        if seen.as_ref().is_none_or(|(packages, _)| *packages != config.extra_packages) {
            let (place, packages) = (self.image.clone(), config.extra_packages.clone());
            let building = self.runtime.spawn_blocking(move || image::build(&place, &packages));
            let failure = match tokio::time::timeout(TREE_PATIENCE, building).await {
                Ok(Ok(Ok(_))) => None,
                Ok(Ok(Err(error))) => Some(error.to_string()),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("it takes too long to build".to_owned()),
            };
            if let Some(why) = &failure {
                tracing::warn!(why, "the sandbox's image is not up to date");
            }
            *seen = Some((config.extra_packages.clone(), failure));
        }
        let failure = seen.as_ref().and_then(|(_, failure)| failure.clone());
        Tree::open(&self.image).ok_or_else(|| failure.unwrap_or_else(|| "it is gone".to_owned()))
    }
}

/// With it begins the directory, in which nobody else has anything to look for.
#[allow(clippy::disallowed_methods, reason = "the gateway's own directory")]
fn start_reaper(directory: &Path) -> Result<Reaper, Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| Error::Io { what: "the directory of the sandboxes", source })?;
    Reaper::start(directory)
}

/// What a container's root is.
fn docker_image(config: &Sandbox, tree: Result<Tree, String>) -> Result<DockerImage, Error> {
    match (&config.image, tree) {
        (Some(name), _) => Ok(DockerImage::Named(name.clone())),
        (None, Ok(tree)) => Ok(DockerImage::Tree(tree)),
        (None, Err(why)) => Err(Error::Unavailable { what: "the sandbox's image", why }),
    }
}

/// Where a program is by the operator's PATH; where Debian has it, if it is nowhere.
#[allow(clippy::disallowed_methods, reason = "the machine's own programs")]
#[must_use]
pub fn find_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| Path::new("/usr/bin").join(name))
}

#[cfg(test)]
mod tests;
