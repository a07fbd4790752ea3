//! `openclaw components bench FILE`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use openclaw_runtime::{Cost, CostLog, FixtureCall, Limits};
use serde_json::{Value, json};

use super::calls;
use super::file::ComponentFile;
use super::test::Outcome;
use super::trial::{self, Trial, limits, limits_json};
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components bench lookup.wasm
  openclaw components bench lookup.wasm --calls calls.yaml --times 1000 --json";

/// Measure a component's calls: instructions, time, memory and host calls, beside the limits.
///
/// The calls are those of `components test`, and must pass first. Then each runs
/// again and again for its times, and once more in an engine that counts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    /// The component.
    file: PathBuf,
    /// The calls [default: calls.yaml beside the component, or here].
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// How often each call runs for its times.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    times: u32,
}

/// What one call took.
struct Measured {
    name: String,
    p50: Duration,
    p99: Duration,
    /// None where the call never reached the component.
    cost: Option<Cost>,
}

impl Bench {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let file = ComponentFile::read(&self.file)?;
        let calls = calls::read(self.calls, &self.file)?;
        let costs = costs(&file, &calls).await?;
        let times = times(&file, &calls, self.times).await?;
        let rows: Vec<Measured> = calls
            .into_iter()
            .zip(costs)
            .zip(times)
            .map(|((call, cost), (p50, p99))| Measured { name: call.name, p50, p99, cost })
            .collect();
        let limits = limits();
        if output.json {
            let calls: Vec<Value> = rows.iter().map(Measured::to_json).collect();
            return output.document(&json!({ "times": self.times, "calls": calls, "limits": limits_json(&limits) }));
        }
        let mut lines: Vec<Vec<String>> = rows.iter().map(Measured::cells).collect();
        lines.push(limit_cells(&limits));
        output.table(&["CALL", "INSTRUCTIONS", "P50 µs", "P99 µs", "MEMORY KiB", "HOST CALLS", "LOG LINES"], &lines)
    }
}

/// Each call once, judged as `components test` does, in an engine that counts.
async fn costs(file: &ComponentFile, calls: &[FixtureCall]) -> Result<Vec<Option<Cost>>, CliError> {
    let log = Arc::new(CostLog::with_instructions());
    let trial = trial::open(file, Some(log.clone())).await?;
    let mut costs = Vec::new();
    for call in calls {
        log.take();
        if Outcome::of(&trial, call).await?.mismatch.is_some() {
            trial.close().await;
            return Err(CliError::failed(format!("the call {:?} does not answer what it should", call.name))
                .hint("`openclaw components test FILE` shows the difference"));
        }
        costs.push(log.take().pop());
    }
    trial.close().await;
    Ok(costs)
}

/// Median and 99th percentile of each call, through everything but the network.
async fn times(file: &ComponentFile, calls: &[FixtureCall], times: u32) -> Result<Vec<(Duration, Duration)>, CliError> {
    let trial = trial::open(file, None).await?;
    let mut measured = Vec::new();
    for call in calls {
        measured.push(time(&trial, call, times).await?);
    }
    trial.close().await;
    Ok(measured)
}

async fn time(trial: &Trial, call: &FixtureCall, times: u32) -> Result<(Duration, Duration), CliError> {
    let mut took = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        trial.call(&call.method, &call.params, &call.scopes).await?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    Ok((at(50), at(99)))
}

impl Measured {
    fn to_json(&self) -> Value {
        let mut document = json!({
            "name": self.name,
            "p50Micros": self.p50.as_micros() as u64,
            "p99Micros": self.p99.as_micros() as u64,
        });
        if let Some(cost) = &self.cost {
            document["instructions"] = cost.instructions.into();
            document["memoryBytes"] = cost.memory_bytes.into();
            document["hostCalls"] = cost.host_calls.into();
            document["logLines"] = cost.log_lines.into();
        }
        document
    }

    fn cells(&self) -> Vec<String> {
        let of = |figure: fn(&Cost) -> u64| self.cost.as_ref().map_or("-".into(), |cost| figure(cost).to_string());
        vec![
            self.name.clone(),
            of(|cost| cost.instructions),
            self.p50.as_micros().to_string(),
            self.p99.as_micros().to_string(),
            of(|cost| (cost.memory_bytes >> 10) as u64),
            of(|cost| cost.host_calls),
            of(|cost| cost.log_lines.into()),
        ]
    }
}

/// The last line of the table; what has no limit of its own is bounded by the time.
fn limit_cells(limits: &Limits) -> Vec<String> {
    vec![
        "limit".into(),
        "-".into(),
        limits.cpu.as_micros().to_string(),
        limits.cpu.as_micros().to_string(),
        (limits.memory_bytes >> 10).to_string(),
        limits.host_calls.to_string(),
        limits.log_lines.to_string(),
    ]
}
