//! Makes a container up to the point where only the command is missing, and begins a workload in it.

use std::future::Future;
use std::io;
use std::path::PathBuf;

use bollard::query_parameters::{CreateContainerOptions, ListContainersOptionsBuilder, StartContainerOptions};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::attach::{self, Attached};
use super::container::{self, Files, Template};
use super::process::Container;
use super::{LABEL, remove};
use crate::cgroup::{Group, Hierarchy};
use crate::egress::{Egress, Passage};
use crate::pool::{Make, Waiting};
use crate::session::Supervised;
use crate::supervise::{Sink, Watch, pump_in, pump_out, supervise};
use crate::{Error, Limits, Mode, Network, Output, Session, Tenant, Workload, job};

#[derive(Debug)]
pub(super) struct Maker {
    pub(super) engine: bollard::Docker,
    pub(super) socket: PathBuf,
    pub(super) template: Template,
    pub(super) egress: Egress,
    /// Where the counters of containers are read.
    pub(super) mounted: Option<Hierarchy>,
    /// Where groups of ours can be made around containers.
    pub(super) hierarchy: Option<Hierarchy>,
}

/// A container that runs, with the shim in it, which waits to be told the command. A terminal's knows it already.
pub(super) struct Ready {
    container: Container,
    attached: Attached,
    files: Files,
    egress: Option<Passage>,
}

impl Maker {
    pub(super) async fn remove_leftovers(&self) -> Result<(), Error> {
        let ours = [("label".to_owned(), vec![format!("{LABEL}={}", self.template.label())])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&ours).build();
        for container in self.engine.list_containers(Some(options)).await? {
            if let Some(id) = container.id {
                remove(&self.engine, &id).await;
            }
        }
        container::remove_old_jobs(&self.template.directory).map_err(Error::io("what an earlier gateway left"))?;
        Ok(())
    }

    /// A group of ours around the container's own, where the engine takes one: its counters outlive the container.
    fn group(&self, workload: &Workload) -> Result<Option<Group>, Error> {
        let Some(hierarchy) = &self.hierarchy else { return Ok(None) };
        // The shim is in it too.
        let group = Group::create(hierarchy, &workload.limits, 1, &self.template.reaper);
        group.map(Some).map_err(Error::io("the workload's cgroup"))
    }
}

impl Make for Maker {
    type Ready = Ready;

    /// All but those that we keep ourselves are the container's from the start.
    fn made_of(limits: &Limits) -> Limits {
        let Limits { wall, output_bytes, .. } = Limits::default();
        Limits { wall, output_bytes, ..limits.clone() }
    }

    /// Of the workload only what the container is made of: mounts, network, limits; of a terminal the command too.
    async fn make(&self, tenant: &Tenant, workload: &Workload) -> Result<Ready, Error> {
        let ids = tenant.user.ids()?;
        let egress = match &workload.network {
            Network::None => None,
            Network::Allowlist(policy) => Some(self.egress.open(policy.clone(), &tenant.id, ids)?),
        };
        let files = Files::new(&self.template, tenant, workload, egress.as_ref())?;
        let group = self.group(workload)?;
        let config = container::config(&self.template, tenant, workload, &files, group.as_ref())?;
        let created = self.engine.create_container(None::<CreateContainerOptions>, config).await?;
        let container = Container::new(self.engine.clone(), created.id);
        // Whatever fails from here on, the container goes when it is dropped.
        let attached = attach::attach(&self.socket, container.id()).await?;
        self.engine.start_container(container.id(), None::<StartContainerOptions>).await?;
        let container = container.started(self.mounted.as_ref(), group).await?;
        Ok(Ready { container, attached, files, egress })
    }
}

impl Waiting for Ready {
    fn has_ended(&self) -> bool {
        self.container.has_ended()
    }

    async fn discard(self) {
        let Self { container, files, .. } = self;
        container.clean_up().await;
        drop(files);
    }
}

impl Ready {
    /// Says the command, and watches. `afterwards` is done once the workload has ended.
    pub(super) async fn begin(
        self,
        workload: Workload,
        afterwards: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Session, Error> {
        let Self { mut container, attached: Attached { reader, mut writer }, files, egress } = self;
        let (started, terminal) = (Instant::now(), workload.pty.is_some());
        if !terminal && let Err(error) = tell(&mut writer, &job::encode(&workload, false)).await {
            // A shim that is gone says so by its end.
            tracing::debug!(%error, "the container ended before it had its command");
        }
        let (session, supervised) = Session::pair(Mode::Docker, container.process(), workload.stdin);
        let session = session.in_container(container.id());
        let limits = workload.limits;
        tokio::spawn(async move {
            let Supervised { output, input, requests, end } = supervised;
            let sink = if terminal { Sink::unlimited(output) } else { Sink::new(output, &limits) };
            let (exceeded, refused) = (sink.exceeded(), container.refused());
            let mut outputs = JoinSet::new();
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
            let watch = Watch { started, wall: limits.wall, exceeded, requests };
            let ended = supervise(&mut container, watch, outputs).await;
            container.clean_up().await;
            drop((files, egress));
            let _ = end.send(ended);
            afterwards.await;
        });
        Ok(session)
    }
}

async fn tell(writer: &mut (impl AsyncWrite + Unpin), job: &[u8]) -> io::Result<()> {
    writer.write_all(job).await?;
    writer.flush().await
}
