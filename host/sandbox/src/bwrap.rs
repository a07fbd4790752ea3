//! The mode of bubblewrap: namespaces and a seccomp filter, as an ordinary user.

mod arguments;
mod child;
mod maker;
mod order;
mod program;
mod root;
mod spawner;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use maker::{Maker, Ready};
use root::RootFiles;
use spawner::{Origin, Spawner};

use crate::backend::check_strict;
use crate::cgroup::{Hierarchy, IO_NOT_WEIGHED};
use crate::egress::Egress;
use crate::image::Tree;
use crate::pool::Pool;
use crate::shim::Shim;
use crate::{Backend, Enforcement, Error, Info, Limit, Mode, Reaper, Root, Session, Support, Tenant, Workload};

/// What the operator decides of this mode.
#[derive(Debug)]
pub struct BwrapOptions {
    pub program: PathBuf,
    /// A directory of our own, which no tenant reaches.
    pub directory: PathBuf,
    /// The system that workloads see; without one, the host's `/usr`.
    pub tree: Option<Tree>,
    /// Refuse workloads where a limit is not enforced.
    pub strict: bool,
    /// Sandboxes that are kept ready, of all tenants together.
    pub pool: usize,
    pub reaper: Reaper,
}

/// Workloads by bubblewrap.
#[derive(Debug)]
pub struct Bwrap {
    version: String,
    root: Root,
    strict: bool,
    maker: Arc<Maker>,
    pool: Arc<Pool<Ready>>,
}

impl Bwrap {
    /// Looks at what this machine has. An error says what is missing; [`Backend::run`] of `true` tells whether it
    /// works.
    pub fn open(options: BwrapOptions) -> Result<Self, Error> {
        let version = program::version(&options.program)?;
        let (files, root) = RootFiles::open(options.tree.as_ref())?;
        let egress = Egress::new(&options.directory, &options.reaper);
        let shim = Shim::install(&options.directory)?;
        let BwrapOptions { program, reaper, .. } = options;
        let origin = Origin { shim, program, hierarchy: Hierarchy::find(), reaper };
        let spawner = Spawner::start(origin.clone())?;
        let maker = Maker { egress, origin, spawner, files };
        let pool = Arc::new(Pool::new(options.pool));
        Ok(Self { version, root, strict: options.strict, maker: Arc::new(maker), pool })
    }

    /// The same without cgroups, as where there are none.
    pub fn without_cgroups(self) -> Result<Self, Error> {
        let maker = Arc::new(self.maker.without_cgroups()?);
        Ok(Self { maker, ..self })
    }

    /// Makes a sandbox ready for the next plain workload of this tenant. Where that fails, the workload will say why.
    pub async fn warm(&self, tenant: &Tenant) {
        self.pool.warm(&*self.maker, tenant).await;
    }

    async fn launch(&self, tenant: &Tenant, workload: Workload) -> Result<Session, Error> {
        workload.check()?;
        check_strict(self.strict, &self.support())?;
        let (ready, afterwards) = self.pool.take_or_make(&self.maker, tenant, &workload).await?;
        ready.begin(workload, afterwards).await
    }

    fn support(&self) -> Support {
        let approximated = [Limit::Memory, Limit::Cpu, Limit::Pids].map(|limit| (limit, Enforcement::Approximated));
        Support::enforced_except(if self.maker.origin.hierarchy.is_some() { Vec::new() } else { approximated.to_vec() })
    }
}

impl Backend for Bwrap {
    fn info(&self) -> Info {
        let mut notes = program::notes(&self.version);
        if self.root == Root::HostUsr {
            notes.push(
                "workloads see the host's /usr, read-only: build the image to give them a tree of their own".into(),
            );
        }
        if self.maker.origin.hierarchy.is_none() {
            notes.push(
                "no cgroup is ours: memory, cpu and pids are limited by process, and all workloads together by nothing; run as root, or by systemd with Delegate=yes"
                    .into(),
            );
        }
        if self.maker.origin.hierarchy.as_ref().is_some_and(|hierarchy| !hierarchy.weighs_io()) {
            notes.push(IO_NOT_WEIGHED.to_owned());
        }
        let (version, root, limits) = (self.version.clone(), self.root.clone(), self.support());
        Info { mode: Mode::Bwrap, version, root, limits, notes }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.pool.close().await;
            self.maker.spawner.close().await;
        })
    }

    fn start<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.launch(tenant, workload))
    }
}
