//! The load process: so many connections, each with one call in flight, for a
//! bounded time. The plan comes on stdin, the outcome goes to stdout.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stats::Latency,
    wire::{self, Head},
};

/// The word that makes this binary the load process.
pub(crate) const VERB: &str = "load";

/// More calls than this are not made, whatever the time.
const CALLS_MAX: u64 = 2_000_000;

/// What to send where, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Sent in turn, each connection beginning elsewhere: token and body.
    pub(crate) calls: Vec<(String, String)>,
    /// Unmeasured, first.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// Of an attack.
    pub(crate) gives_way: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) calls: u64,
    /// Replies that were no result; they count as no call.
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) calls_per_second: f64,
    pub(crate) latency: Latency,
}

/// Runs the plan in a process of its own.
pub(crate) fn run(plan: &Plan) -> Result<Outcome> {
    let output = start(plan)?.wait_with_output()?;
    ensure!(output.status.success(), "the load process failed: {}", output.status);
    let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
    let failed = outcome.first_error.as_deref().unwrap_or_default();
    ensure!(
        outcome.calls > 0 && outcome.errors == 0,
        "{} of {} calls failed: {failed}",
        outcome.errors,
        outcome.calls + outcome.errors
    );
    Ok(outcome)
}

fn start(plan: &Plan) -> Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(VERB)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the load process did not start")?;
    serde_json::to_writer(child.stdin.take().context("no stdin")?, plan)?;
    Ok(child)
}

/// Load of which no answer is wanted, until it is ended. It stands for machines elsewhere: where it would take a core
/// from whoever is measured, it gives way.
pub(crate) struct Attack(Child);

/// How much: as far as the kernel lets it.
pub(crate) const NICE: i32 = 19;

/// Longer than any round.
const ATTACK_TIME: Duration = Duration::from_secs(600);

impl Attack {
    pub(crate) fn start(plan: &Plan) -> Result<Self> {
        start(&Plan { warm_up: Duration::ZERO, duration: ATTACK_TIME, gives_way: true, ..plan.clone() }).map(Self)
    }

    /// Ends it; one that had ended by itself attacked nobody.
    pub(crate) fn end(mut self) -> Result<()> {
        ensure!(self.0.try_wait()?.is_none(), "the attack ended by itself");
        Ok(())
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The load process itself.
pub(crate) fn main() -> Result<()> {
    let mut plan = Vec::new();
    std::io::stdin().read_to_end(&mut plan)?;
    let plan: Plan = serde_json::from_slice(&plan)?;
    if plan.gives_way {
        rustix::process::nice(NICE)?;
    }
    // One thread: the cores are the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(all(plan))?;
    serde_json::to_writer(std::io::stdout(), &outcome)?;
    Ok(())
}

#[derive(Default)]
struct Tally {
    nanoseconds: Vec<u64>,
    errors: u64,
    first_error: Option<String>,
}

async fn all(plan: Plan) -> Result<Outcome> {
    let requests = plan.calls.iter().map(|(token, body)| wire::request(plan.address, token, body)).collect();
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests);
    let most = CALLS_MAX / plan.connections.max(1) as u64;
    let measured_from = Instant::now() + plan.warm_up;
    let until = measured_from + plan.duration;
    let connections: Vec<_> = (0..plan.connections)
        .map(|place| {
            let first = place * requests.len() / plan.connections;
            tokio::spawn(connection(plan.address, requests.clone(), first, most, measured_from, until))
        })
        .collect();
    let mut sum = Tally::default();
    for connection in connections {
        let tally = connection.await??;
        sum.nanoseconds.extend(tally.nanoseconds);
        sum.errors += tally.errors;
        sum.first_error = sum.first_error.or(tally.first_error);
    }
    let seconds = Instant::now().duration_since(measured_from).min(plan.duration).as_secs_f64();
    let calls = sum.nanoseconds.len() as u64;
    Ok(Outcome {
        calls,
        errors: sum.errors,
        first_error: sum.first_error,
        calls_per_second: calls as f64 / seconds,
        latency: Latency::of(sum.nanoseconds),
    })
}

async fn connection(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    most: u64,
    measured_from: Instant,
    until: Instant,
) -> Result<Tally> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut tally = Tally::default();
    let mut received = Vec::with_capacity(64 << 10);
    for request in requests.iter().cycle().skip(first).take(usize::try_from(most)?) {
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        stream.write_all(request).await?;
        let head = response(&mut stream, &mut received).await?;
        let now = Instant::now();
        if !wire::is_result(head, &received[head.body_at..head.end()]) {
            tally.errors += 1;
            tally.first_error.get_or_insert_with(|| String::from_utf8_lossy(&received).chars().take(400).collect());
        } else if sent >= measured_from && now <= until {
            tally.nanoseconds.push(u64::try_from(now.duration_since(sent).as_nanos())?);
        }
    }
    Ok(tally)
}

async fn response(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<Head> {
    received.clear();
    let mut head = None;
    loop {
        let count = stream.read_buf(received).await?;
        ensure!(count > 0, "the server closed the connection");
        if head.is_none() {
            head = Head::parse(received)?;
        }
        if let Some(head) = head
            && received.len() >= head.end()
        {
            return Ok(head);
        }
    }
}
