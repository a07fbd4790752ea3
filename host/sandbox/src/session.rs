//! A workload that runs: its output, its input, and the means to end it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::supervise::End;
use crate::{Mode, Outcome, Size, Usage};

/// A piece of what a workload wrote. A terminal has one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Stdout(Bytes),
    Stderr(Bytes),
}

/// A workload that runs. Dropped before its end, it kills the workload.
#[derive(Debug)]
pub struct Session {
    output: mpsc::Receiver<Output>,
    input: Option<Input>,
    remote: Remote,
    end: Option<oneshot::Receiver<End>>,
    mode: Mode,
    process: Option<u32>,
    container: Option<String>,
}

/// What a workload reads. Dropped, it ends that, but for a terminal.
#[derive(Debug)]
pub struct Input(pub(crate) mpsc::Sender<Bytes>);

/// Ends a workload, resizes its terminal, or tells what it has used up to now; from anywhere.
#[derive(Clone, Debug)]
pub struct Remote {
    sizes: watch::Sender<Option<Size>>,
    kill: Arc<Notify>,
    usage: watch::Receiver<Usage>,
}

/// The other end of a session.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) output: mpsc::Sender<Output>,
    pub(crate) input: mpsc::Receiver<Bytes>,
    pub(crate) requests: Requests,
    pub(crate) end: oneshot::Sender<End>,
}

/// What a session asks of its workload.
#[derive(Debug)]
pub(crate) struct Requests {
    /// The last one counts.
    pub(crate) sizes: watch::Receiver<Option<Size>>,
    pub(crate) kill: Arc<Notify>,
    /// Told whenever it is looked at.
    pub(crate) usage: watch::Sender<Usage>,
}

/// Pieces that wait for a reader. Beyond them the workload waits.
const PIECES: usize = 16;

impl Session {
    /// `process` is the first of the workload's, as the host counts them; `stdin` is read first.
    pub(crate) fn pair(mode: Mode, process: Option<u32>, stdin: Vec<u8>) -> (Self, Supervised) {
        let (output_sender, output) = mpsc::channel(PIECES);
        let (input_sender, input) = mpsc::channel(PIECES);
        let (size_sender, sizes) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let (usage_sender, usage) = watch::channel(Usage::default());
        let (end_sender, end) = oneshot::channel();
        if !stdin.is_empty() {
            // The channel is new and has room.
            let _ = input_sender.try_send(stdin.into());
        }
        let remote = Remote { sizes: size_sender, kill: kill.clone(), usage };
        let (typing, end) = (Some(Input(input_sender)), Some(end));
        let session = Self { output, input: typing, remote, end, mode, process, container: None };
        let requests = Requests { sizes, kill, usage: usage_sender };
        (session, Supervised { output: output_sender, input, requests, end: end_sender })
    }

    /// It runs in a container of the engine's.
    pub(crate) fn in_container(mut self, id: &str) -> Self {
        self.container = Some(id.to_owned());
        self
    }

    /// The next piece of output; none after the last.
    pub async fn next(&mut self) -> Option<Output> {
        self.output.recv().await
    }

    /// The way to its input. Once: whoever has it decides when the input ends.
    pub fn take_input(&mut self) -> Option<Input> {
        self.input.take()
    }

    /// The first of its processes, by the host's count; none where nobody knows.
    pub fn process(&self) -> Option<u32> {
        self.process
    }

    /// The engine's id of the container that it runs in; none where it runs in none.
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Waits for the end. What was not read by [`Self::next`] is lost, and the outcome holds no output.
    pub async fn outcome(mut self) -> Outcome {
        self.output.close();
        self.input = None;
        self.end().await
    }

    /// Waits for the end and keeps all that is written.
    pub async fn collect(mut self) -> Outcome {
        self.input = None;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(output) = self.next().await {
            match output {
                Output::Stdout(bytes) => stdout.extend(bytes),
                Output::Stderr(bytes) => stderr.extend(bytes),
            }
        }
        Outcome { stdout, stderr, ..self.end().await }
    }

    async fn end(&mut self) -> Outcome {
        let end = match self.end.take() {
            Some(end) => end.await.unwrap_or_else(|_| End::lost()),
            None => End::lost(),
        };
        end.into_outcome(self.mode)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.remote.kill();
    }
}

impl Input {
    /// Waits where the workload does not read. False once it has ended.
    pub async fn write(&self, bytes: impl Into<Bytes>) -> bool {
        self.0.send(bytes.into()).await.is_ok()
    }
}

impl Remote {
    pub fn kill(&self) {
        self.kill.notify_one();
    }

    /// What the workload had used when it was last looked at.
    pub fn usage(&self) -> Usage {
        *self.usage.borrow()
    }

    /// It will have this size soon; false once the workload has ended.
    pub fn resize(&self, size: Size) -> bool {
        self.sizes.send(Some(size)).is_ok()
    }
}
