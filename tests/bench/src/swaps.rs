//! P8: one tenant's component is swapped while it is called.

use std::{fs, path::Path, process::Command, thread, time::Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::{
    Setting,
    daemon::Server,
    home::{self, BenchHome},
    load::{self, Outcome, Plan},
    report::{Report, Row, Verdict, micros},
    rpc::CONNECTIONS,
    stats::{Latency, median},
    wire,
};

/// A swap of what is compiled already.
const MICROSECONDS: f64 = 1000.0;
/// What a swap leaves behind, nothing, and what a busy allocator may.
const GROWTH: f64 = 1.1;
/// Rounds of calls; in each, swaps follow one another.
const ROUNDS: u32 = 8;
/// So many swaps at the least.
const SWAPS: usize = 1000;

/// The version in the fixture, and another of as many letters.
const VERSIONS: [&str; 2] = ["ok00000", "ok00001"];

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    // The tenant swaps what is its own, as its operator would.
    fs::write(home.path().join("config.yaml"), "components: {self_service: true}\n")?;
    let token = &home.tokens[0];
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    let mut operator = daemon.connect()?;
    let [first, second] = VERSIONS.map(|version| install(setting, &home.path(), version));
    let digests = [first?, second?];
    let plan = Plan {
        address: daemon.address,
        connections: CONNECTIONS,
        calls: vec![(token.clone(), wire::call("swap.version", "{}"))],
        warm_up: setting.warm_up,
        duration: setting.round * ROUNDS,
        gives_way: false,
    };
    let mut swap = |count: usize| -> Result<u64> {
        let params = json!({ "family": "swap", "digest": digests[count % 2] }).to_string();
        let begun = Instant::now();
        operator.call(token, "components.activate", &params)?;
        Ok(u64::try_from(begun.elapsed().as_nanos())?)
    };
    let mut swaps_under_calls = || -> Result<(Vec<u64>, Outcome)> {
        thread::scope(|scope| {
            let calls = scope.spawn(|| load::run(&plan));
            let mut took = Vec::new();
            while !calls.is_finished() {
                took.push(swap(took.len())?);
            }
            let outcome = calls.join().map_err(|_| anyhow!("the load panicked"))?.context("calls during swaps")?;
            Ok((took, outcome))
        })
    };
    // The instances of both versions have their memory after the first round.
    swaps_under_calls()?;
    let before = daemon.memory()?;
    let (mut took, mut outcomes) = (Vec::new(), Vec::new());
    while took.len() < SWAPS {
        let (more, outcome) = swaps_under_calls()?;
        took.extend(more);
        outcomes.push(outcome);
    }
    let calls: u64 = outcomes.iter().map(|outcome| outcome.calls).sum();
    let (swaps, after) = (took.len(), daemon.memory()?);
    let (log, call) = (daemon.log()?, Latency::of(took));
    let whole = Latency::of(told(&log, "since_begun", swaps)?);
    report.row(Row {
        id: "P8",
        what: format!("cached swap to in force, {CONNECTIONS} connections: p50 (p99)"),
        measured: format!("{} ({})", micros(whole.p50), micros(whole.p99)),
        baseline: "–".into(),
        ratio: None,
        target: "≤ 1 ms, no call fails".into(),
        verdict: Verdict::of(whole.p50 <= MICROSECONDS),
    });
    // Before that, its row is written.
    let in_force = Latency::of(told(&log, "since_written", swaps)?);
    report.row(Row {
        id: "P8",
        what: "of it, from written down to in force: p50 (p99)".into(),
        measured: format!("{} ({})", micros(in_force.p50), micros(in_force.p99)),
        baseline: "–".into(),
        ratio: None,
        target: "≤ 1 ms".into(),
        verdict: Verdict::of(in_force.p50 <= MICROSECONDS),
    });
    // It waits for its turn among the calls, which keep every core busy.
    let beside = median(outcomes.iter().map(|outcome| outcome.latency.p50));
    report.row(Row {
        id: "P8",
        what: "it as a call of the operator, HTTP and all: p50 (p99)".into(),
        measured: format!("{} ({})", micros(call.p50), micros(call.p99)),
        baseline: format!("a call beside it {}", micros(beside)),
        ratio: Some(call.p50 / beside),
        target: "≤ 1 ms".into(),
        verdict: Verdict::of(call.p50 <= MICROSECONDS),
    });
    let growth = after.rss as f64 / before.rss as f64;
    report.row(Row {
        id: "P8",
        what: format!("memory after {swaps} swaps, {calls} calls"),
        measured: format!("{:.1} MB", after.rss as f64 / 1024.0),
        baseline: format!("{:.1} MB", before.rss as f64 / 1024.0),
        ratio: Some(growth),
        target: format!("≤ {GROWTH} ×"),
        verdict: Verdict::of(growth <= GROWTH),
    });
    report
        .details("P8", json!({ "swap": whole, "call": call, "inForce": in_force, "swaps": swaps, "calls": outcomes }));
    daemon.stop()
}

/// What the daemon's log tells of the last swaps in a field of microseconds, in nanoseconds.
fn told(log: &str, field: &str, swaps: usize) -> Result<Vec<u64>> {
    let changed = log.lines().filter(|line| line.contains("a component was changed"));
    let micros = changed.filter_map(|line| {
        let (_, rest) = line.split_once(field)?;
        let digits: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    });
    let mut all: Vec<u64> = micros.map(|micros| micros * 1000).collect();
    ensure!(all.len() >= swaps, "the log tells of {} swaps of {swaps} by {field}", all.len());
    all.drain(..all.len() - swaps);
    Ok(all)
}

/// Installs a version for the tenant by the command line; answers its digest.
fn install(setting: &Setting, directory: &Path, version: &str) -> Result<String> {
    let built = setting.components.with_file_name("fixtures").join("swap.wasm");
    let wasm = fs::read(&built).with_context(|| format!("{}: build the components first", built.display()))?;
    let file = directory.with_extension(format!("{version}.wasm"));
    fs::write(&file, with_version(wasm, version))?;
    let output = Command::new(&setting.daemon)
        .args(["components", "install", "--tenant", home::TENANT, "--yes", "--json", "--home"])
        .args([directory, &file])
        .output()?;
    ensure!(output.status.success(), "components install: {}", String::from_utf8_lossy(&output.stderr));
    let installed: Value = serde_json::from_slice(&output.stdout)?;
    installed["digest"].as_str().map(str::to_owned).with_context(|| format!("no digest in {installed}"))
}

/// The fixture tells its version, wherever a text of this length stands in it.
fn with_version(mut wasm: Vec<u8>, version: &str) -> Vec<u8> {
    let (from, to) = (format!("swap-version-{}", VERSIONS[0]), format!("swap-version-{version}"));
    let places: Vec<usize> =
        (0..=wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    places.into_iter().for_each(|at| wasm[at..at + to.len()].copy_from_slice(to.as_bytes()));
    wasm
}
