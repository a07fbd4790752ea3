//! Watches over a workload until its end: wall time, output, counters, requests. The same for both modes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::cgroup::Counters;
use crate::session::{Output, Requests};
use crate::{Limits, Mode, Outcome, Reason, Size, Usage};

/// How often the counters are looked at.
const TICK: Duration = Duration::from_millis(50);

/// A terminal gets a new size no sooner after the one before: each interrupts its program, and is a request to an engine.
const RESIZES: Duration = Duration::from_millis(50);

/// A workload's processes, as one of the back ends knows them.
pub(crate) trait Process: Send {
    /// Waits until none of its processes is left. It is given up and begun again: nothing may be lost in between.
    fn ended(&mut self) -> impl Future<Output = Exit> + Send;
    /// What the end means, once all of the output has been read.
    fn judge(&mut self, exit: Exit) -> Exit {
        exit
    }
    fn kill(&mut self) -> impl Future<Output = ()> + Send;
    fn resize(&mut self, size: Size) -> impl Future<Output = ()> + Send;
    /// What has been counted up to now.
    fn counters(&mut self) -> Counters;
}

/// How the command ended.
#[derive(Clone, Debug)]
pub(crate) enum Exit {
    /// Its status, as a shell tells it: 128 and the number for a signal.
    Status(i32),
    /// It never ran.
    NotStarted(String),
}

/// An outcome without the output.
#[derive(Debug)]
pub(crate) struct End {
    reason: Reason,
    exit: Exit,
    truncated: bool,
    usage: Usage,
}

impl End {
    /// The task that watched was ended with its runtime.
    pub(crate) fn lost() -> Self {
        Self { reason: Reason::Killed, exit: Exit::Status(128 + 9), truncated: false, usage: Usage::default() }
    }

    pub(crate) fn into_outcome(self, mode: Mode) -> Outcome {
        let Self { reason, exit, truncated, usage } = self;
        let (exit_code, signal, message) = match exit {
            Exit::NotStarted(message) => (None, None, Some(message)),
            Exit::Status(status @ 129..=192) => (None, Some(status - 128), None),
            Exit::Status(status) => (Some(status), None, None),
        };
        let exit_code = if matches!(reason, Reason::Exit | Reason::Pids) { exit_code } else { None };
        Outcome { reason, exit_code, signal, stdout: Vec::new(), stderr: Vec::new(), truncated, usage, mode, message }
    }
}

/// Where a workload's streams go, within the limit of each.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    output: mpsc::Sender<Output>,
    limit: u64,
    exceeded: Arc<Exceeded>,
}

#[derive(Debug, Default)]
pub(crate) struct Exceeded {
    flag: AtomicBool,
    notify: Notify,
}

/// One stream of a workload, with what is left of its limit.
#[derive(Debug)]
pub(crate) struct Meter {
    sink: Sink,
    stream: fn(Bytes) -> Output,
    left: u64,
}

impl Sink {
    pub(crate) fn new(output: mpsc::Sender<Output>, limits: &Limits) -> Self {
        Self { output, limit: limits.output_bytes, exceeded: Arc::default() }
    }

    /// A terminal is a conversation: its output has no end, only a speed.
    pub(crate) fn unlimited(output: mpsc::Sender<Output>) -> Self {
        Self { output, limit: u64::MAX, exceeded: Arc::default() }
    }

    pub(crate) fn exceeded(&self) -> Arc<Exceeded> {
        self.exceeded.clone()
    }

    pub(crate) fn meter(&self, stream: fn(Bytes) -> Output) -> Meter {
        Meter { sink: self.clone(), stream, left: self.limit }
    }
}

impl Meter {
    /// Passes on what the limit allows. False: there is no use in more.
    pub(crate) async fn push(&mut self, mut bytes: Bytes) -> bool {
        let within = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let exceeds = within < bytes.len();
        bytes.truncate(within);
        self.left -= within as u64;
        let delivered = bytes.is_empty() || self.sink.output.send((self.stream)(bytes)).await.is_ok();
        if exceeds {
            self.sink.exceeded.flag.store(true, Ordering::Release);
            self.sink.exceeded.notify.notify_one();
        }
        delivered && !exceeds
    }
}

/// Reads a stream to its end. One that nobody reads any more is read all the same: the workload is not to wait for it.
pub(crate) async fn pump_out(mut reader: impl AsyncRead + Unpin, mut meter: Meter) {
    const PIECE: usize = 16 << 10;
    let mut wanted = true;
    loop {
        let mut buffer = BytesMut::with_capacity(PIECE);
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) if wanted => wanted = meter.push(buffer.freeze()).await,
            Ok(_) => {}
        }
    }
}

/// Writes what comes in, until that ends; none where the workload reads no more. To drop the writer ends what it reads.
pub(crate) async fn pump_in<W: AsyncWrite + Unpin>(mut writer: W, mut input: mpsc::Receiver<Bytes>) -> Option<W> {
    while let Some(bytes) = input.recv().await {
        writer.write_all(&bytes).await.ok()?;
        writer.flush().await.ok()?;
    }
    Some(writer)
}

/// What a workload is watched for.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) started: Instant,
    pub(crate) wall: Duration,
    pub(crate) exceeded: Arc<Exceeded>,
    pub(crate) requests: Requests,
}

/// Watches until the end. `outputs` are the pumps of what it writes: they end when its last process has.
pub(crate) async fn supervise(process: &mut impl Process, watch: Watch, mut outputs: JoinSet<()>) -> End {
    let Watch { started, wall, exceeded, mut requests } = watch;
    let deadline = sleep_until(started + wall);
    tokio::pin!(deadline);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counters = Counters::default();
    let (mut broken, mut resizes): (Option<Reason>, _) = (None, started);

    let exit = loop {
        let found = tokio::select! {
            exit = process.ended() => break exit,
            () = &mut deadline, if broken.is_none() => Reason::Timeout,
            () = exceeded.notify.notified(), if broken.is_none() => Reason::OutputLimit,
            () = requests.kill.notified(), if broken.is_none() => Reason::Killed,
            Some(size) = next_size(&mut requests.sizes, resizes), if broken.is_none() => {
                process.resize(size).await;
                resizes = Instant::now() + RESIZES;
                continue;
            }
            _ = ticks.tick(), if broken.is_none() => {
                counters = counters.max(process.counters());
                requests.usage.send_replace(usage(&counters, started));
                if counters.oom_kills == 0 {
                    continue;
                }
                Reason::Oom
            }
        };
        broken = Some(found);
        process.kill().await;
    };

    counters = counters.max(process.counters());
    let usage = usage(&counters, started);
    while outputs.join_next().await.is_some() {}
    let exit = process.judge(exit);
    let truncated = exceeded.flag.load(Ordering::Acquire);
    let reason = reason(broken, &exit, &counters, truncated);
    End { reason, exit, truncated, usage }
}

/// The size that a terminal is to have. It is given up and begun again: nothing may be lost in between.
async fn next_size(sizes: &mut watch::Receiver<Option<Size>>, not_before: Instant) -> Option<Size> {
    sleep_until(not_before).await;
    sizes.changed().await.ok()?;
    *sizes.borrow_and_update()
}

fn usage(counters: &Counters, started: Instant) -> Usage {
    Usage { cpu: counters.cpu, peak_memory_bytes: counters.peak_memory_bytes, wall: started.elapsed() }
}

fn reason(broken: Option<Reason>, exit: &Exit, counters: &Counters, truncated: bool) -> Reason {
    match (broken, exit) {
        _ if counters.oom_kills > 0 => Reason::Oom,
        (Some(broken), _) => broken,
        _ if truncated => Reason::OutputLimit,
        (None, Exit::NotStarted(_)) => Reason::FailedToStart,
        (None, Exit::Status(status)) if *status != 0 && counters.refused_pids > 0 => Reason::Pids,
        (None, Exit::Status(_)) => Reason::Exit,
    }
}

#[cfg(test)]
mod resize_tests;
#[cfg(test)]
mod tests;
