//! What a workload reads and writes: pipes, or one terminal.

use std::io;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::supervise::{Sink, pump_in, pump_out};
use crate::terminal::Terminal;
use crate::{Error, Output, Workload};

/// A workload's standard streams: its ends and ours.
pub(super) struct Streams {
    pub(super) theirs: [OwnedFd; 3],
    pub(super) terminal: Option<Terminal>,
    pub(super) ours: Ours,
}

#[derive(Debug)]
pub(super) enum Ours {
    Pipes { stdin: pipe::Sender, stdout: pipe::Receiver, stderr: pipe::Receiver },
    Terminal(Terminal),
}

impl Streams {
    pub(super) fn open(workload: &Workload, (uid, gid): (u32, u32)) -> Result<Self, Error> {
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
    pub(super) fn pump(self, sink: Sink, input: mpsc::Receiver<Bytes>) -> JoinSet<()> {
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
