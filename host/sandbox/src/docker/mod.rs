//! The mode of Docker: a container of the Docker Engine for each workload, with the same surface as bubblewrap.

mod attach;
mod container;
mod image;
mod process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::models::{SystemInfo, SystemInfoCgroupDriverEnum};
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::Instant;

use attach::Attached;
use process::Container;

use crate::backend::check_strict;
use crate::cgroup::{Group, Hierarchy};
use crate::egress::Egress;
use crate::image::Tree;
use crate::session::Supervised;
use crate::shim::Shim;
use crate::staging::Staging;
use crate::supervise::{Sink, Watch, pump_in, pump_out, supervise};
use crate::{
    Backend, Enforcement, Error, Info, Limit, Mode, Network, Output, Reaper, Root, Session, Support, Tenant, Workload,
};

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
    engine: bollard::Docker,
    socket: PathBuf,
    version: String,
    support: Support,
    image: String,
    root: Root,
    runtime: Option<String>,
    strict: bool,
    /// Our own; its path is the label by which we know our containers again.
    directory: PathBuf,
    egress: Egress,
    shim: Shim,
    staging: Staging,
    /// Where the counters of containers are read.
    mounted: Option<Hierarchy>,
    /// Where groups of ours can be made around containers.
    hierarchy: Option<Hierarchy>,
    reaper: Reaper,
}

/// The label that all our containers have.
const LABEL: &str = "openclaw.directory";

impl Docker {
    /// Connects, removes what an earlier gateway of this directory left, and sees that the image is there.
    pub async fn open(options: DockerOptions) -> Result<Self, Error> {
        let (engine, info) = connect(&options.socket).await?;
        let (image, root) = match options.image {
            DockerImage::Tree(tree) => (image::import(&engine, &tree).await?, Root::Tree(tree.digest().to_owned())),
            DockerImage::Named(name) => {
                engine.inspect_image(&name).await?;
                (name.clone(), Root::Image(name))
            }
        };
        let docker = Self {
            engine,
            image,
            root,
            version: info.server_version.clone().unwrap_or_default(),
            support: support(&info),
            socket: options.socket,
            runtime: options.runtime,
            strict: options.strict,
            egress: Egress::new(&options.directory, &options.reaper),
            shim: Shim::install(&options.directory)?,
            staging: Staging::open(&options.directory, &options.reaper)?,
            mounted: Hierarchy::mounted(),
            // By systemd, the engine would take a slice only.
            hierarchy: Hierarchy::find()
                .filter(|_| Staging::is_exact() && info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::CGROUPFS)),
            reaper: options.reaper,
            directory: options.directory,
        };
        docker.remove_leftovers().await?;
        Ok(docker)
    }

    /// The version of the engine that listens there.
    pub async fn version(socket: &Path) -> Result<String, Error> {
        let (_, info) = connect(socket).await?;
        Ok(info.server_version.unwrap_or_default())
    }

    fn label(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }

    async fn remove_leftovers(&self) -> Result<(), Error> {
        let ours = [("label".to_owned(), vec![format!("{LABEL}={}", self.label())])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&ours).build();
        for container in self.engine.list_containers(Some(options)).await? {
            if let Some(id) = container.id {
                remove(&self.engine, &id).await;
            }
        }
        container::remove_old_jobs(&self.directory).map_err(Error::io("what an earlier gateway left"))?;
        Ok(())
    }

    async fn launch(&self, tenant: &Tenant, workload: Workload) -> Result<Session, Error> {
        workload.check()?;
        check_strict(self.strict, &self.support)?;
        let ids = tenant.user.ids()?;
        let egress = match &workload.network {
            Network::None => None,
            Network::Allowlist(policy) => Some(self.egress.open(policy.clone(), &tenant.id, ids)?),
        };
        let files = container::Files::new(self, tenant, &workload, egress.as_ref())?;
        let group = self.group(&workload)?;
        let config = container::config(self, tenant, &workload, &files, group.as_ref())?;
        let created = self.engine.create_container(None::<CreateContainerOptions>, config).await?;
        let container = Container::new(self.engine.clone(), created.id);
        // Whatever fails from here on, the container goes when it is dropped.
        let attached = attach::attach(&self.socket, container.id()).await?;
        self.engine.start_container(container.id(), None::<StartContainerOptions>).await?;
        let started = Instant::now();
        let mut container = container.started(self.mounted.as_ref(), group).await?;

        let (session, supervised) = Session::pair(Mode::Docker, container.process(), workload.stdin.clone());
        tokio::spawn(async move {
            let Supervised { output, input, requests, end } = supervised;
            let terminal = workload.pty.is_some();
            let sink = if terminal { Sink::unlimited(output) } else { Sink::new(output, &workload.limits) };
            let (exceeded, refused) = (sink.exceeded(), container.refused());
            let mut outputs = JoinSet::new();
            let Attached { reader, writer } = attached;
            tokio::spawn(async move {
                let writer = pump_in(writer, input).await;
                if let (false, Some(mut writer)) = (terminal, writer) {
                    let _ = writer.shutdown().await;
                }
            });
            if terminal {
                outputs.spawn(pump_out(reader, sink.meter(Output::Stdout)));
            } else {
                outputs.spawn(attach::demultiplex(reader, sink, refused));
            }
            let watch = Watch { started, wall: workload.limits.wall, exceeded, requests };
            let ended = supervise(&mut container, watch, outputs).await;
            container.clean_up().await;
            drop((files, egress));
            let _ = end.send(ended);
        });
        Ok(session)
    }
}

impl Docker {
    /// A group of ours around the container's own, where the engine takes one: its counters outlive the container.
    fn group(&self, workload: &Workload) -> Result<Option<Group>, Error> {
        let Some(hierarchy) = &self.hierarchy else { return Ok(None) };
        // The shim is in it too.
        let group = Group::create(hierarchy, &workload.limits, 1, &self.reaper);
        group.map(Some).map_err(Error::io("the workload's cgroup"))
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
        let (version, root, limits) = (self.version.clone(), self.root.clone(), self.support.clone());
        Info { mode: Mode::Docker, version, root, limits, notes }
    }

    fn start<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.launch(tenant, workload))
    }
}

/// What the shim said when it could not start the command.
pub(crate) type Refused = Arc<std::sync::OnceLock<String>>;
