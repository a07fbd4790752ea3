//! The mode of bubblewrap: namespaces and a seccomp filter, as an ordinary user.

mod arguments;
mod child;
mod program;
mod root;
mod spawner;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;
use tokio::time::Instant;

use arguments::{Arguments, Extras};
use child::{Accounting, Child, Status};
use root::RootFiles;
use spawner::{Launch, Spawner};

use crate::backend::check_strict;
use crate::cgroup::{Group, Hierarchy};
use crate::egress::Egress;
use crate::image::Tree;
use crate::job;
use crate::session::Supervised;
use crate::shim::{self, Shim};
use crate::supervise::{Sink, Watch, pump_in, pump_out, supervise};
use crate::terminal::Terminal;
use crate::{
    Backend, Enforcement, Error, Info, Limit, Mode, Network, Output, Reaper, Root, Session, Support, Tenant, Workload,
};

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
    pub reaper: Reaper,
}

/// Workloads by bubblewrap.
#[derive(Debug)]
pub struct Bwrap {
    program: PathBuf,
    version: String,
    strict: bool,
    reaper: Reaper,
    egress: Egress,
    shim: Shim,
    spawner: Spawner,
    hierarchy: Option<Hierarchy>,
    files: RootFiles,
    root: Root,
}

impl Bwrap {
    /// Looks at what this machine has. An error says what is missing; [`Backend::run`] of `true` tells whether it works.
    pub fn open(options: BwrapOptions) -> Result<Self, Error> {
        let version = program::version(&options.program)?;
        let (files, root) = RootFiles::open(options.tree.as_ref())?;
        Ok(Self {
            version,
            files,
            root,
            egress: Egress::new(&options.directory, &options.reaper),
            shim: Shim::install(&options.directory)?,
            spawner: Spawner::start()?,
            hierarchy: Hierarchy::find(),
            program: options.program,
            strict: options.strict,
            reaper: options.reaper,
        })
    }

    /// The same without cgroups, as where there are none.
    pub fn without_cgroups(self) -> Self {
        Self { hierarchy: None, ..self }
    }

    async fn launch(&self, tenant: &Tenant, workload: Workload) -> Result<Session, Error> {
        workload.check()?;
        check_strict(self.strict, &self.support())?;
        let (uid, gid) = tenant.user.ids()?;
        let root = rustix::process::geteuid().is_root();

        let (status_inside, status) = pipe::pipe().map_err(Error::io("a pipe"))?;
        let status_inside = status_inside.into_blocking_fd().map_err(Error::io("a pipe"))?;
        let (control, control_inside) = UnixStream::pair().map_err(Error::io("a socket pair"))?;
        let egress = match &workload.network {
            Network::None => None,
            Network::Allowlist(policy) => Some(self.egress.open(policy.clone(), (uid, gid))?),
        };
        let extras = Extras {
            shim: self.shim.open()?,
            egress: egress.as_ref().map(crate::egress::Passage::socket).transpose()?,
            status: status_inside,
        };
        let (list, mut inherited) = Arguments::new(&self.files, tenant, &workload, extras)?.into_descriptors()?;
        let control_number = control_inside.as_raw_fd().to_string();
        let arguments = ["--args", &list.as_raw_fd().to_string(), "--", shim::INSIDE, "exec", &control_number];
        let arguments = arguments.map(str::to_owned).to_vec();
        inherited.extend([list, control_inside.into()]);

        let (accounting, entrances) = self.account(&workload)?;
        let (session, supervised) = Session::pair(Mode::Bwrap, workload.stdin.clone());
        let Streams { theirs, terminal, ours } = Streams::open(&workload, (uid, gid))?;
        let user = root.then_some((uid, gid));
        let program = self.program.clone();
        // The job fits the socket's buffer, so that this does not wait for the shim.
        send_job(&control, &job::encode(&workload, matches!(accounting, Accounting::Polled { .. })))?;
        let launch = Launch { program, arguments, streams: theirs, inherited, entrances, user };
        let started = Instant::now();
        let pid = self.spawner.launch(launch).await?;
        let mut child = Child::watch(pid, Status::new(status), control, terminal, accounting).await?;

        tokio::spawn(async move {
            let Supervised { output, input, requests, end } = supervised;
            let sink =
                if workload.pty.is_some() { Sink::unlimited(output) } else { Sink::new(output, &workload.limits) };
            let exceeded = sink.exceeded();
            let outputs = ours.pump(sink, input);
            let watch = Watch { started, wall: workload.limits.wall, exceeded, requests };
            let ended = supervise(&mut child, watch, outputs).await;
            child.clean_up().await;
            drop(egress);
            let _ = end.send(ended);
        });
        Ok(session)
    }

    fn account(&self, workload: &Workload) -> Result<(Accounting, Vec<OwnedFd>), Error> {
        let Some(hierarchy) = &self.hierarchy else {
            let memory_limit = workload.limits.memory_bytes;
            return Ok((Accounting::Polled { memory_limit, seen: Default::default() }, Vec::new()));
        };
        // bubblewrap itself and the namespace's init are in the group too.
        let group = Group::create(hierarchy, &workload.limits, 2, &self.reaper);
        let group = group.map_err(Error::io("the workload's cgroup"))?;
        let entrances = group.entrances().map_err(Error::io("the workload's cgroup"))?;
        Ok((Accounting::Group(Box::new(group)), entrances))
    }

    fn support(&self) -> Support {
        let approximated = [Limit::Memory, Limit::Cpu, Limit::Pids].map(|limit| (limit, Enforcement::Approximated));
        Support::enforced_except(if self.hierarchy.is_some() { Vec::new() } else { approximated.to_vec() })
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
        if self.hierarchy.is_none() {
            notes.push(
                "no cgroup is ours: memory, cpu and pids are limited by process; run as root, or by systemd with Delegate=yes"
                    .into(),
            );
        }
        let (version, root, limits) = (self.version.clone(), self.root.clone(), self.support());
        Info { mode: Mode::Bwrap, version, root, limits, notes }
    }

    fn start<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Session, Error>> {
        Box::pin(self.launch(tenant, workload))
    }
}

/// A workload's standard streams: its ends and ours.
struct Streams {
    theirs: [OwnedFd; 3],
    terminal: Option<Terminal>,
    ours: Ours,
}

enum Ours {
    Pipes { stdin: pipe::Sender, stdout: pipe::Receiver, stderr: pipe::Receiver },
    Terminal(Terminal),
}

impl Streams {
    fn open(workload: &Workload, (uid, gid): (u32, u32)) -> Result<Self, Error> {
        let open = || -> io::Result<Self> {
            let Some(size) = workload.pty else { return Self::pipes() };
            let (terminal, theirs) = Terminal::open(size, uid, gid)?;
            let theirs = [theirs.try_clone()?, theirs.try_clone()?, theirs];
            Ok(Self { theirs, terminal: Some(terminal.clone()), ours: Ours::Terminal(terminal) })
        };
        open().map_err(Error::io("the workload's streams"))
    }

    fn pipes() -> io::Result<Self> {
        let (stdin, stdin_inside) = pipe::pipe()?;
        let (stdout_inside, stdout) = pipe::pipe()?;
        let (stderr_inside, stderr) = pipe::pipe()?;
        let theirs =
            [stdin_inside.into_blocking_fd()?, stdout_inside.into_blocking_fd()?, stderr_inside.into_blocking_fd()?];
        Ok(Self { theirs, terminal: None, ours: Ours::Pipes { stdin, stdout, stderr } })
    }
}

impl Ours {
    fn pump(self, sink: Sink, input: tokio::sync::mpsc::Receiver<bytes::Bytes>) -> JoinSet<()> {
        let mut outputs = JoinSet::new();
        match self {
            Self::Pipes { stdin, stdout, stderr } => {
                tokio::spawn(pump_in(stdin, input));
                outputs.spawn(pump_out(stdout, sink.meter(Output::Stdout)));
                outputs.spawn(pump_out(stderr, sink.meter(Output::Stderr)));
            }
            Self::Terminal(terminal) => {
                tokio::spawn(pump_in(terminal.clone(), input));
                outputs.spawn(pump_out(terminal, sink.meter(Output::Stdout)));
            }
        }
        outputs
    }
}

fn send_job(control: &UnixStream, job: &[u8]) -> Result<(), Error> {
    let mut control = control;
    io::Write::write_all(&mut control, job).map_err(Error::io("the workload's command"))
}
