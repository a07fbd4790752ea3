//! The mode of Docker: a container of the Docker Engine for each workload, with the same surface as bubblewrap.
//!
//! Nearly all of what a container costs is its start, so some are started before they are needed (`crate::pool`), with
//! the shim in them, which waits for the command on its standard input. What a container sees is bound when it is made,
//! and nothing can be bound in it later: so one that waits is its tenant's, whose workspace was opened and staged for
//! it, and no other's ever. Which tenant needs one next nobody knows but from what it did: one is made for a tenant
//! whose plain workload has just ended, with the limits of that one, and goes after a minute, when the mode's settings
//! change, and with the gateway. When the gateway is killed, its end of the shim's standard input closes and so the
//! container ends; the next start removes it, by its label, as any other.

mod attach;
mod container;
mod image;
mod maker;
mod process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::models::{SystemInfo, SystemInfoCgroupDriverEnum};
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use futures_util::future::BoxFuture;

use container::Template;
use maker::{Maker, Ready};

use crate::backend::check_strict;
use crate::cgroup::{Hierarchy, IO_NOT_WEIGHED};
use crate::egress::Egress;
use crate::image::Tree;
use crate::pool::Pool;
use crate::shim::Shim;
use crate::staging::Staging;
use crate::{Backend, Enforcement, Error, Info, Limit, Mode, Reaper, Root, Session, Support, Tenant, Workload};

/// What the operator decides of this mode.
#[derive(Debug)]
pub struct DockerOptions {
    /// The engine's.
    pub socket: PathBuf,
    /// A directory of our own, which no tenant reaches.
    pub directory: PathBuf,
    pub image: DockerImage,
    /// An OCI runtime of the engine's, such as `runsc`.
    pub runtime: Option<String>,
    /// Refuse workloads where a limit is not enforced.
    pub strict: bool,
    /// Containers that are kept ready, of all tenants together.
    pub pool: usize,
    /// Remove what an earlier gateway of this directory left; what runs for this one would go with it.
    pub tidy: bool,
    pub reaper: Reaper,
}

/// The system that workloads see.
#[derive(Clone, Debug)]
pub enum DockerImage {
    /// Imported from the tree that bubblewrap binds.
    Tree(Tree),
    /// One that the engine has.
    Named(String),
}

/// Workloads by the Docker Engine.
#[derive(Debug)]
pub struct Docker {
    version: String,
    support: Support,
    root: Root,
    strict: bool,
    maker: Arc<Maker>,
    pool: Arc<Pool<Ready>>,
}

/// The label that all our containers have.
const LABEL: &str = "openclaw.directory";

impl Docker {
    /// Connects, removes what is to be removed, and sees that the image is there.
    pub async fn open(options: DockerOptions) -> Result<Self, Error> {
        let (engine, info) = connect(&options.socket).await?;
        let (image, root) = match options.image {
            DockerImage::Tree(tree) => (image::import(&engine, &tree).await?, Root::Tree(tree.digest().to_owned())),
            DockerImage::Named(name) => {
                engine.inspect_image(&name).await?;
                (name.clone(), Root::Image(name))
            }
        };
        let maker = Maker {
            engine,
            socket: options.socket,
            egress: Egress::new(&options.directory, &options.reaper),
            mounted: Hierarchy::mounted(),
            // By systemd, the engine would take a slice only.
            hierarchy: Hierarchy::find()
                .filter(|_| Staging::is_exact() && info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::CGROUPFS)),
            template: Template {
                image,
                runtime: options.runtime,
                shim: Shim::install(&options.directory)?,
                staging: Staging::open(&options.directory, &options.reaper)?,
                reaper: options.reaper,
                directory: options.directory,
            },
        };
        if options.tidy {
            maker.remove_leftovers().await?;
        }
        Ok(Self {
            version: info.server_version.clone().unwrap_or_default(),
            support: support(&info),
            root,
            strict: options.strict,
            maker: Arc::new(maker),
            pool: Arc::new(Pool::new(options.pool)),
        })
    }

    /// The version of the engine that listens there.
    pub async fn version(socket: &Path) -> Result<String, Error> {
        let (_, info) = connect(socket).await?;
        Ok(info.server_version.unwrap_or_default())
    }

    /// Makes a container ready for the next plain workload of this tenant. Where that fails, the workload will say why.
    pub async fn warm(&self, tenant: &Tenant) {
        self.pool.warm(&*self.maker, tenant).await;
    }

    async fn launch(&self, tenant: &Tenant, workload: Workload) -> Result<Session, Error> {
        workload.check()?;
        check_strict(self.strict, &self.support)?;
        let (ready, afterwards) = self.pool.take_or_make(&self.maker, tenant, &workload).await?;
        ready.begin(workload, afterwards).await
    }
}

/// The engine, and what it says of itself.
async fn connect(socket: &Path) -> Result<(bollard::Docker, SystemInfo), Error> {
    const SECONDS: u64 = 60;
    let absent = |error: bollard::errors::Error| Error::Unavailable {
        what: "Docker",
        why: format!("{error}; install docker.io and start dockerd, or take the mode bwrap"),
    };
    let socket = socket.to_string_lossy();
    let engine = bollard::Docker::connect_with_unix(&socket, SECONDS, bollard::API_DEFAULT_VERSION).map_err(absent)?;
    let engine = engine.negotiate_version().await.map_err(absent)?;
    let info = engine.info().await.map_err(absent)?;
    Ok((engine, info))
}

/// What the engine can limit here.
fn support(info: &SystemInfo) -> Support {
    let kept = |limit, by: Option<bool>| {
        (limit, if by == Some(false) { Enforcement::Unavailable } else { Enforcement::Enforced })
    };
    let binds = if Staging::is_exact() { Enforcement::Enforced } else { Enforcement::Approximated };
    Support::enforced_except([
        kept(Limit::Memory, info.memory_limit),
        kept(Limit::Cpu, info.cpu_cfs_quota),
        kept(Limit::Pids, info.pids_limit),
        (Limit::Binds, binds),
    ])
}

/// Kills it where it runs.
async fn remove(engine: &bollard::Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    if let Err(error) = engine.remove_container(id, Some(options)).await {
        tracing::warn!(%error, container = id, "a container is left");
    }
}

impl Backend for Docker {
    fn info(&self) -> Info {
        let mut notes = Vec::new();
        if !Staging::is_exact() {
            notes.push("without root the engine binds /work by its path, and not what was opened".to_owned());
        }
        if !self.maker.hierarchy.as_ref().is_some_and(Hierarchy::weighs_io) {
            notes.push(IO_NOT_WEIGHED.to_owned());
        }
        let (version, root, limits) = (self.version.clone(), self.root.clone(), self.support.clone());
        Info { mode: Mode::Docker, version, root, limits, notes }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.close())
    }

    fn start<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.launch(tenant, workload))
    }
}

/// What the shim said when it could not start the command.
pub(crate) type Refused = Arc<std::sync::OnceLock<String>>;
