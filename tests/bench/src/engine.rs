//! P3: what the host adds to one call, without HTTP: the runtime as the
//! gateway uses it against wasmtime alone, each in a process of its own. What
//! counts is an echo in thirteen families in rotation, which leaves the host's
//! share; one method of each real family follows for comparison.

mod child;
mod trace;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Setting,
    home::BenchHome,
    report::{Report, Row, Verdict, micros, rate},
    stats::{Latency, median},
};

pub(crate) use child::main;

/// The word that makes this binary one of the two processes; then kind, components and home.
pub(crate) const VERB: &str = "engine";

/// Tenant of all calls.
const TENANT: &str = "t0";
/// The echo's families and methods: one fixture under thirteen names.
const ECHOES: [(&str, &str); 13] = [
    ("echo00", "echo00.text"),
    ("echo01", "echo01.text"),
    ("echo02", "echo02.text"),
    ("echo03", "echo03.text"),
    ("echo04", "echo04.text"),
    ("echo05", "echo05.text"),
    ("echo06", "echo06.text"),
    ("echo07", "echo07.text"),
    ("echo08", "echo08.text"),
    ("echo09", "echo09.text"),
    ("echo10", "echo10.text"),
    ("echo11", "echo11.text"),
    ("echo12", "echo12.text"),
];
/// One method of each real family that reads little.
const METHODS: [(&str, &str); 6] = [
    ("health", "health"),
    ("config", "config.get"),
    ("agents", "agents.list"),
    ("sessions", "sessions.list"),
    ("tenants", "tenants.get"),
    ("voicewake", "voicewake.get"),
];
const THREADS: usize = 2;
const STEADY_CALLS: u64 = 6_000;

const MULTIPLE: f64 = 1.3;
const P50_MICROS: f64 = 25.0;
const P99_MICROS: f64 = 150.0;
const PER_SECOND: f64 = 60_000.0;

/// Which methods take turns.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Rotation {
    Echoes,
    Families,
}

impl Rotation {
    fn methods(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Echoes => &ECHOES,
            Self::Families => &METHODS,
        }
    }

    fn params(self) -> &'static str {
        match self {
            Self::Echoes => r#"{"text":"hello"}"#,
            Self::Families => "{}",
        }
    }
}

/// What a process is asked to do, as a line of JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    /// One call after another for so long: answers [`Latencies`].
    Latency(Duration, Rotation),
    /// On so many threads at once: answers calls a second.
    Throughput(Duration, usize),
    /// So many calls: answers minor page faults a call.
    Steady(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Latencies {
    all: Latency,
    /// Method and p50 in microseconds.
    methods: Vec<(String, f64)>,
}

/// One of the two processes.
struct Engine {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Engine {
    fn start(kind: &str, components: &Path, home: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([VERB, kind])
            .args([components, home])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(process.stdout.take().context("no stdout")?);
        Ok(Self { process, answers })
    }

    fn ask<T: for<'de> Deserialize<'de>>(&mut self, order: Order) -> Result<T> {
        let input = self.process.stdin.as_mut().context("no stdin")?;
        writeln!(input, "{}", serde_json::to_string(&order)?)?;
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "the process ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 1)?;
    let copy = home.copy()?;
    let mut ours = Engine::start(child::RUNTIME, &setting.components, &home.path())?;
    let mut bare = Engine::start(child::BARE, &setting.components, &copy)?;
    for rotation in [Rotation::Families, Rotation::Echoes] {
        let warm_up = Order::Latency(setting.warm_up, rotation);
        ours.ask::<Latencies>(warm_up).context("the runtime")?;
        bare.ask::<Latencies>(warm_up).context("bare wasmtime")?;
    }
    let mut latencies: [Vec<Latencies>; 2] = Default::default();
    let mut families: [Vec<Latencies>; 2] = Default::default();
    let mut rates: [Vec<f64>; 2] = Default::default();
    for _ in 0..setting.rounds {
        for (place, engine) in [&mut ours, &mut bare].into_iter().enumerate() {
            latencies[place].push(engine.ask(Order::Latency(setting.round, Rotation::Echoes))?);
            families[place].push(engine.ask(Order::Latency(setting.round, Rotation::Families))?);
            rates[place].push(engine.ask(Order::Throughput(setting.round, THREADS))?);
        }
    }
    latency_rows(report, &latencies);
    throughput_row(report, &rates);
    family_rows(report, &families);
    report.details(
        "P3",
        json!({
            "runtime": { "latency": latencies[0], "families": families[0], "callsPerSecond": rates[0] },
            "bare": { "latency": latencies[1], "families": families[1], "callsPerSecond": rates[1] },
        }),
    );
    memory_row(report, &mut ours, &mut bare)
}

fn latency_rows(report: &mut Report, [ours, bare]: &[Vec<Latencies>; 2]) {
    let of = |side: &[Latencies], figure: fn(&Latency) -> f64| median(side.iter().map(|round| figure(&round.all)));
    let (p50, bare_p50) = (of(ours, |all| all.p50), of(bare, |all| all.p50));
    let (p99, bare_p99) = (of(ours, |all| all.p99), of(bare, |all| all.p99));
    report.row(Row {
        id: "P3",
        what: format!("one call, {} families in rotation: p50", ECHOES.len()),
        measured: micros(p50),
        baseline: micros(bare_p50),
        ratio: Some(p50 / bare_p50),
        target: format!("≤ {MULTIPLE} ×, ≤ {P50_MICROS} µs"),
        verdict: Verdict::of(p50 / bare_p50 <= MULTIPLE && p50 <= P50_MICROS),
    });
    report.row(Row {
        id: "P3",
        what: "the same: p99".into(),
        measured: micros(p99),
        baseline: micros(bare_p99),
        ratio: Some(p99 / bare_p99),
        target: format!("≤ {P99_MICROS} µs"),
        verdict: Verdict::of(p99 <= P99_MICROS),
    });
}

fn family_rows(report: &mut Report, [ours, bare]: &[Vec<Latencies>; 2]) {
    for (place, (_, method)) in METHODS.iter().enumerate() {
        let of = |side: &[Latencies]| median(side.iter().map(|round| round.methods[place].1));
        let (ours, bare) = (of(ours), of(bare));
        report.row(Row {
            id: "P3",
            what: format!("  {method} (the baseline answers the host's part from memory): p50"),
            measured: micros(ours),
            baseline: micros(bare),
            ratio: Some(ours / bare),
            target: String::new(),
            verdict: Verdict::Info,
        });
    }
}

fn throughput_row(report: &mut Report, [ours, bare]: &[Vec<f64>; 2]) {
    let (ours, bare) = (median(ours.iter().copied()), median(bare.iter().copied()));
    report.row(Row {
        id: "P3",
        what: format!("calls on {THREADS} threads"),
        measured: rate(ours),
        baseline: rate(bare),
        ratio: Some(ours / bare),
        target: format!("≥ {}", rate(PER_SECOND)),
        verdict: Verdict::of(ours >= PER_SECOND),
    });
}

/// System calls on memory, counted by strace where it is there, else page faults.
fn memory_row(report: &mut Report, ours: &mut Engine, bare: &mut Engine) -> Result<()> {
    let faults: f64 = ours.ask(Order::Steady(STEADY_CALLS))?;
    let bare_faults: f64 = bare.ask(Order::Steady(STEADY_CALLS))?;
    let mut row = Row {
        id: "P3",
        what: "minor page faults a call".into(),
        measured: format!("{faults:.3}"),
        baseline: format!("{bare_faults:.3}"),
        ratio: None,
        target: "0".into(),
        verdict: Verdict::of(faults < 0.01),
    };
    report.row(row.clone());
    let traced = trace::memory_calls(ours.process.id(), || ours.ask::<f64>(Order::Steady(STEADY_CALLS)).map(drop))?;
    let Some(traced) = traced else { return Ok(()) };
    let a_call = traced.total as f64 / STEADY_CALLS as f64;
    row.what = "memory system calls a call (strace)".into();
    row.measured = format!("{a_call:.4}");
    row.baseline = String::new();
    row.verdict = Verdict::of(a_call < 0.001);
    report.row(row);
    report.details("P3 memory", json!({
        "faultsPerCall": faults, "bareFaultsPerCall": bare_faults, "memoryCallsPerCall": a_call, "byName": traced.by_name,
    }));
    Ok(())
}
