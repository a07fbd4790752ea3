//! Makes a sandbox up to the point where only the command is missing, and begins a workload in it.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::arguments::{Arguments, Extras, Given};
use super::child::{Accounting, Child, Status};
use super::root::RootFiles;
use super::spawner::{Launch, Spawner};
use super::streams::{Ours, Streams};
use crate::cgroup::{Counters, Group, Hierarchy};
use crate::egress::{Egress, Passage};
use crate::pool::{Make, Waiting};
use crate::session::Supervised;
use crate::shim::{self, Shim};
use crate::supervise::{Sink, Watch, supervise};
use crate::{Error, Limits, Mode, Network, Reaper, Session, Tenant, Workload, job};

#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) program: PathBuf,
    pub(super) reaper: Reaper,
    pub(super) egress: Egress,
    pub(super) shim: Shim,
    pub(super) spawner: Spawner,
    /// Where cgroups can be made.
    pub(super) hierarchy: Option<Hierarchy>,
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
    pub(super) fn without_cgroups(&self) -> Self {
        Self { hierarchy: None, ..self.clone() }
    }

    /// bubblewrap by way of the shim, which as root can bring its user to what is bound.
    fn entered(&self, (uid, gid): (u32, u32), bound: &[RawFd], arguments: [String; 6]) -> (PathBuf, Vec<String>) {
        let bound: Vec<String> = bound.iter().map(ToString::to_string).collect();
        let program = self.program.to_string_lossy().into_owned();
        let before = ["enter".to_owned(), uid.to_string(), gid.to_string(), bound.join(","), program];
        (self.shim.path().to_owned(), before.into_iter().chain(arguments).collect())
    }

    fn account(&self, workload: &Workload) -> Result<(Accounting, Vec<OwnedFd>), Error> {
        let Some(hierarchy) = &self.hierarchy else {
            let memory_limit = workload.limits.memory_bytes;
            return Ok((Accounting::Polled { memory_limit, seen: Counters::default() }, Vec::new()));
        };
        // bubblewrap itself and the namespace's init are in the group too.
        let group = Group::create(hierarchy, &workload.limits, 2, &self.reaper);
        let group = group.map_err(Error::io("the workload's cgroup"))?;
        let entrances = group.entrances().map_err(Error::io("the workload's cgroup"))?;
        Ok((Accounting::Group(Box::new(group)), entrances))
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
        let root = rustix::process::geteuid().is_root();
        let (status_inside, status) = pipe::pipe().map_err(Error::io("a pipe"))?;
        let status_inside = status_inside.into_blocking_fd().map_err(Error::io("a pipe"))?;
        let (control, control_inside) = UnixStream::pair().map_err(Error::io("a socket pair"))?;
        // The shim reads and writes it as it comes.
        let control_inside =
            control_inside.into_std().and_then(|inside| inside.set_nonblocking(false).map(|()| inside));
        let control_inside = control_inside.map_err(Error::io("a socket pair"))?;
        let egress = match &workload.network {
            Network::None => None,
            Network::Allowlist(policy) => Some(self.egress.open(policy.clone(), &tenant.id, (uid, gid))?),
        };
        let extras = Extras {
            shim: self.shim.open()?,
            egress: egress.as_ref().map(Passage::socket).transpose()?,
            status: status_inside,
        };
        let Given { list, named: mut inherited, bound } =
            Arguments::new(&self.files, tenant, workload, extras)?.give()?;
        let (list_number, control_number) = (list.as_raw_fd().to_string(), control_inside.as_raw_fd().to_string());
        let bwrap = ["--args", &list_number, "--", shim::INSIDE, "exec", &control_number].map(str::to_owned);
        let (program, arguments) = match root {
            true => self.entered((uid, gid), &bound, bwrap),
            false => (self.program.clone(), bwrap.to_vec()),
        };
        inherited.extend([list, control_inside.into()]);

        let (accounting, entrances) = self.account(workload)?;
        let Streams { theirs, terminal, ours } = Streams::open(workload, (uid, gid))?;
        // The shim becomes the user, once what is bound is within that one's reach.
        let launch = Launch { program, arguments, streams: theirs, inherited, entrances, reaper: self.reaper.clone() };
        let (pid, owed) = self.spawner.launch(launch).await?;
        let child = Child::watch(pid, Status::new(status), control, terminal, accounting, owed).await?;
        Ok(Ready { child, streams: ours, egress })
    }
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
        child.limit(&workload.limits).map_err(Error::io("the workload's limits"))?;
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
