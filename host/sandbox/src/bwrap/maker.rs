//! Makes a sandbox up to the point where only the command is missing, and begins a workload in it.

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::arguments::{Arguments, Extras, Given, LIST};
use super::child::{Child, Status};
use super::order::{CONTROL, Order};
use super::root::RootFiles;
use super::spawner::{Origin, Spawner};
use super::streams::{Ours, Streams};
use crate::egress::{Egress, Passage};
use crate::pool::{Make, Waiting};
use crate::session::Supervised;
use crate::shim;
use crate::supervise::{Sink, Watch, supervise};
use crate::{Error, Limits, Mode, Network, Session, Tenant, Workload, job};

#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) egress: Egress,
    pub(super) origin: Origin,
    pub(super) spawner: Spawner,
    pub(super) files: RootFiles,
}

/// A sandbox with the shim in it, which waits to be told the command.
#[derive(Debug)]
pub(super) struct Ready {
    child: Child,
    streams: Ours,
    egress: Option<Passage>,
}

impl Maker {
    pub(super) fn without_cgroups(&self) -> Result<Self, Error> {
        let origin = Origin { hierarchy: None, ..self.origin.clone() };
        Ok(Self { spawner: Spawner::start(origin.clone())?, origin, ..self.clone() })
    }
}

impl Make for Maker {
    type Ready = Ready;

    /// Its `/tmp` alone is made with the sandbox.
    fn made_of(limits: &Limits) -> Limits {
        Limits { tmp_bytes: limits.tmp_bytes, ..Limits::default() }
    }

    /// Of the workload only what the sandbox is made of: mounts, network, sizes, terminal.
    async fn make(&self, tenant: &Tenant, workload: &Workload) -> Result<Ready, Error> {
        let (uid, gid) = tenant.user.ids()?;
        let Streams { theirs, terminal, ours } = Streams::open(workload, (uid, gid))?;
        let (status_inside, status) = pipe::pipe().map_err(Error::io("a pipe"))?;
        let status_inside = status_inside.into_blocking_fd().map_err(Error::io("a pipe"))?;
        let egress = match &workload.network {
            Network::None => None,
            Network::Allowlist(policy) => Some(self.egress.open(policy.clone(), &tenant.id, (uid, gid))?),
        };
        let extras = Extras {
            shim: self.origin.shim.open()?,
            egress: egress.as_ref().map(Passage::socket).transpose()?,
            status: status_inside,
        };
        let arguments = Arguments::new(&self.files, tenant, workload, extras)?;
        let user = rustix::process::geteuid().is_root().then_some((uid, gid));
        let Given { descriptors, bound } = give(arguments, user.is_some()).await?;
        let arguments = ["--args", &LIST.to_string(), "--", shim::INSIDE, "exec", &CONTROL.to_string()];
        let order = Order { arguments: arguments.map(str::to_owned).into(), descriptors, streams: theirs, user, bound };

        let mut child = Child::adopt(self.spawner.take().await?, Status::new(status), terminal)?;
        child.become_sandbox(order, &workload.limits).await?;
        Ok(Ready { child, streams: ours, egress })
    }
}

/// By a thread that may wait: whoever makes a mount waits for all who make or take down theirs.
async fn give(arguments: Arguments, as_mounts: bool) -> Result<Given, Error> {
    let given = spawn_blocking(move || if as_mounts { arguments.give_mounts() } else { arguments.give() }).await;
    given.unwrap_or_else(|error| Err(Error::Io { what: "the sandbox", source: error.into() }))
}

impl Waiting for Ready {
    fn has_ended(&self) -> bool {
        self.child.has_ended()
    }

    async fn discard(mut self) {
        self.child.end().await;
        self.child.clean_up().await;
    }
}

impl Ready {
    /// Says the command, and watches. `afterwards` is done once the workload has ended.
    pub(super) async fn begin(
        self,
        workload: Workload,
        afterwards: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Session, Error> {
        let Self { mut child, streams, egress } = self;
        child.limit(&workload.limits)?;
        let started = Instant::now();
        // A shim that is gone says so by its end.
        let job = job::encode(&workload, child.is_alone());
        if let Err(error) = child.control().write_all(&job).await {
            tracing::debug!(%error, "the sandbox ended before it had its command");
        }
        let (session, supervised) = Session::pair(Mode::Bwrap, child.process(), workload.stdin);
        let (limits, terminal) = (workload.limits, workload.pty.is_some());
        tokio::spawn(async move {
            let Supervised { output, input, requests, end } = supervised;
            let sink = if terminal { Sink::unlimited(output) } else { Sink::new(output, &limits) };
            let exceeded = sink.exceeded();
            let outputs = streams.pump(sink, input);
            let watch = Watch { started, wall: limits.wall, exceeded, requests };
            let _ = end.send(supervise(&mut child, watch, outputs).await);
            drop(egress);
            child.clean_up().await;
            afterwards.await;
        });
        Ok(session)
    }
}
