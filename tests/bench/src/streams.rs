//! P13 and C7: a streamed chat completion through the gateway beside the model server alone, and 200 of them at once.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::BenchHome,
    provider::{self, TOKENS},
    report::{Report, Row, Verdict, micros},
    stats::median,
};

/// Requests of each side in a round.
const REQUESTS: usize = 20;
/// What may be added: to the first token, and to each.
const FIRST_US: f64 = 2_000.0;
const TOKEN_US: f64 = 50.0;

const AT_ONCE: usize = 200;
/// A tenant has 64 calls of models at once.
const TENANTS: usize = 8;
/// Of one stream, beyond what the gateway has at rest.
const KIB_A_STREAM: u64 = 512;

/// A gateway with a model server behind it.
pub(crate) struct World {
    pub(crate) home: BenchHome,
    pub(crate) gateway: Server,
    provider: Server,
}

impl World {
    pub(crate) fn start(setting: &Setting) -> Result<Self> {
        let home = BenchHome::make(&setting.daemon, TENANTS, 0)?;
        let mut provider = Server::baseline(provider::VERB, &[], &home.path())?;
        drop(provider.connect()?);
        fs::write(home.path().join("config.yaml"), config(&provider, &home.path()))?;
        fs::write(script(&home.path()), "answers: [{text: [Hello]}]\n")?;
        let mut gateway = Server::daemon(&setting.daemon, &home.path())?;
        drop(gateway.connect()?);
        Ok(Self { home, gateway, provider })
    }

    pub(crate) fn stop(self) -> Result<()> {
        drop(self.provider);
        self.gateway.stop()
    }
}

fn script(home: &Path) -> std::path::PathBuf {
    home.join("script.yaml")
}

fn config(provider: &Server, home: &Path) -> String {
    let (url, script) = (provider.address, script(home));
    format!(
        "models:\n  default: scripted\n  providers:\n    - {{id: stub, kind: openai, base_url: 'http://{url}/v1', \
         api_key: none, models: [fast, slow]}}\n    - {{id: script, kind: scripted, script: {script:?}, \
         models: [scripted]}}\nbilling:\n  rate_card:\n    default: {{input: 1, output: 2}}\n"
    )
}

/// What one stream took, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Taken {
    first: f64,
    /// From the first token to the last, for each.
    token: f64,
}

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let world = World::start(setting)?;
    let token = &world.home.tokens[0];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for request in 0..=REQUESTS * setting.rounds {
        let (through, alone) =
            (stream(world.gateway.address, token, "fast")?, stream(world.provider.address, token, "fast")?);
        // The first opens the gateway's connection to the server.
        if request > 0 {
            ours.push(through);
            theirs.push(alone);
        }
    }
    row(report, "to the first token", FIRST_US, (&ours, &theirs), |taken| taken.first);
    row(report, "to each token", TOKEN_US, (&ours, &theirs), |taken| taken.token);
    report.details("P13", json!({ "gatewayUs": ours, "serverUs": theirs }));
    world.stop()
}

fn row(report: &mut Report, what: &str, target: f64, sides: (&[Taken], &[Taken]), of: impl Fn(&Taken) -> f64) {
    let (ours, theirs) = (median(sides.0.iter().map(&of)), median(sides.1.iter().map(&of)));
    report.row(Row {
        id: "P13",
        what: format!("streamed completion: time added {what}"),
        measured: format!("+{}", micros(ours - theirs)),
        baseline: format!("server alone {}", micros(theirs)),
        ratio: Some(ours / theirs),
        target: format!("≤ {}", micros(target)),
        verdict: Verdict::of(ours - theirs <= target),
    });
}

pub(crate) fn at_once(setting: &Setting, report: &mut Report) -> Result<()> {
    let world = World::start(setting)?;
    // What the first calls load and open stays.
    for token in &world.home.tokens {
        stream(world.gateway.address, token, "fast")?;
    }
    let at_rest = world.gateway.memory()?.rss;
    let begun = Instant::now();
    let alone = run(world.provider.address, &world.home.tokens)?;
    let through = run(world.gateway.address, &world.home.tokens)?;
    let peak = world.gateway.peak()?;
    let each = peak.saturating_sub(at_rest) / AT_ONCE as u64;
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    report.row(Row {
        id: "C7",
        what: format!("{AT_ONCE} streams at once: peak resident memory"),
        measured: mib(peak),
        baseline: format!("at rest {}", mib(at_rest)),
        ratio: Some(peak as f64 / at_rest as f64),
        target: format!("≤ {KIB_A_STREAM} KiB a stream"),
        verdict: Verdict::of(each <= KIB_A_STREAM),
    });
    report.row(Row {
        id: "C7",
        what: format!("{AT_ONCE} streams at once: until the last has ended"),
        measured: micros(through.as_secs_f64() * 1e6),
        baseline: format!("server alone {}", micros(alone.as_secs_f64() * 1e6)),
        ratio: Some(through.as_secs_f64() / alone.as_secs_f64()),
        target: String::new(),
        verdict: Verdict::Info,
    });
    let took = begun.elapsed().as_secs_f64();
    report.details("C7", json!({ "peakKib": peak, "atRestKib": at_rest, "kibAStream": each, "seconds": took }));
    world.stop()
}

/// All streams side by side; each has to come to its end.
fn run(address: SocketAddr, tokens: &[String]) -> Result<Duration> {
    let begun = Instant::now();
    thread::scope(|scope| {
        let streams: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let token = &tokens[n % tokens.len()];
                scope.spawn(move || stream(address, token, "slow"))
            })
            .collect();
        streams.into_iter().try_for_each(|stream| match stream.join() {
            Ok(taken) => taken.map(drop),
            Err(_) => anyhow::bail!("a client panicked"),
        })
    })?;
    Ok(begun.elapsed())
}

/// Reads one stream to its end.
fn stream(address: SocketAddr, token: &str, model: &str) -> Result<Taken> {
    let body = json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": "Hello" }] });
    let body = body.to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let sent = Instant::now();
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let (mut received, mut chunk, mut first) = (Vec::new(), [0; 16 << 10], None);
    while !received.ends_with(b"0\r\n\r\n") {
        let count = stream.read(&mut chunk)?;
        ensure!(count > 0, "the stream was cut: {}", String::from_utf8_lossy(&received));
        let from = received.len().saturating_sub(8);
        received.extend_from_slice(&chunk[..count]);
        if first.is_none() && received[from..].windows(7).any(|word| word == b"\"token ") {
            first = Some(sent.elapsed());
        }
    }
    let all = sent.elapsed();
    let told = String::from_utf8_lossy(&received);
    ensure!(told.contains("data: [DONE]"), "the stream has no end: {told}");
    let first = first.with_context(|| format!("the stream has no token: {told}"))?;
    Ok(Taken {
        first: first.as_secs_f64() * 1e6,
        token: (all.saturating_sub(first)).as_secs_f64() * 1e6 / (TOKENS - 1) as f64,
    })
}
