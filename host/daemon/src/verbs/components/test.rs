//! `openclaw components test FILE`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use openclaw_runtime::{Cost, CostLog, FixtureCall, Mismatch};
use serde_json::{Value, json};

use super::calls;
use super::file::ComponentFile;
use super::trial::{self, Trial, limits, limits_json};
use crate::error::{CliError, Kind};
use crate::output::{Colour, Output, printable};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components test lookup.wasm
  openclaw components test lookup.wasm --calls calls.yaml --json

CALLS:
  A YAML list. The calls run in its order, for one tenant and on the same state:

    - name: greets by name              # optional
      method: lookup.text
      params: { name: Ada }             # optional
      as: { scopes: [read] }            # optional: a tenant's own scopes otherwise
      expect:                           # exactly one of
        result: { greeting: Hi }        #   the whole result
        resultContains: { id: 1 }       #   what is named of it, at every depth;
                                        #   arrays have the same length
        error: { code: NOT_FOUND }      #   the code; message: a part of it";

/// Run a component's calls in the real runtime, and compare what comes.
///
/// The gateway is one of its own, in a directory that goes when it is done, with
/// everything granted that the component asks for, and limits at their defaults.
/// What each call took stands beside these limits. The bytes of one call into the
/// host have a limit too, which is not measured.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// The component.
    file: PathBuf,
    /// The calls [default: calls.yaml beside the component, or here].
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
}

/// How a call went.
pub(super) struct Outcome {
    name: String,
    took: Duration,
    /// None where the call never reached the component.
    cost: Option<Cost>,
    pub(super) mismatch: Option<Mismatch>,
}

impl Test {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let file = ComponentFile::read(&self.file)?;
        let calls = calls::read(self.calls, &self.file)?;
        let costs = Arc::new(CostLog::without_instructions());
        let trial = trial::open(&file, Some(costs.clone())).await?;
        let mut outcomes = Vec::new();
        for call in &calls {
            let outcome = Outcome::of(&trial, call).await?;
            // The last to end is the call itself; others were made from it.
            outcomes.push(Outcome { cost: costs.take().pop(), ..outcome });
        }
        trial.close().await;
        let failed = outcomes.iter().filter(|outcome| outcome.mismatch.is_some()).count();
        if output.json {
            let calls: Vec<Value> = outcomes.iter().map(Outcome::to_json).collect();
            output.document(&json!({
                "ok": failed == 0,
                "total": calls.len(),
                "failed": failed,
                "calls": calls,
                "limits": limits_json(&limits()),
            }))?;
        } else if !output.quiet {
            outcomes.iter().try_for_each(|outcome| outcome.print(output))?;
            print_costs(&outcomes, output)?;
            output.line(&format!("{} calls, {failed} failed", outcomes.len()))?;
        }
        if failed == 0 { Ok(()) } else { Err(CliError::silent(Kind::Failed)) }
    }
}

/// What each call took, a line of the limits at the end.
fn print_costs(outcomes: &[Outcome], output: &Output) -> Result<(), CliError> {
    let most = limits();
    let most = Cost {
        cpu: most.cpu,
        memory_bytes: most.memory_bytes,
        host_calls: most.host_calls,
        result_bytes: most.result_bytes,
        log_lines: most.log_lines,
        ..Cost::default()
    };
    let rows = outcomes.iter().map(|outcome| cells(&outcome.name, outcome.cost.as_ref()));
    let rows: Vec<Vec<String>> = rows.chain([cells("limit", Some(&most))]).collect();
    output.table(&["CALL", "CPU µs", "MEMORY KiB", "HOST CALLS", "RESULT BYTES", "LOG LINES"], &rows)
}

fn cells(name: &str, cost: Option<&Cost>) -> Vec<String> {
    let of = |figure: fn(&Cost) -> u64| cost.map_or("-".into(), |cost| figure(cost).to_string());
    vec![
        name.to_owned(),
        of(|cost| cost.cpu.as_micros() as u64),
        of(|cost| (cost.memory_bytes >> 10) as u64),
        of(|cost| cost.host_calls),
        of(|cost| cost.result_bytes as u64),
        of(|cost| cost.log_lines.into()),
    ]
}

impl Outcome {
    pub(super) async fn of(trial: &Trial, call: &FixtureCall) -> Result<Self, CliError> {
        let started = Instant::now();
        let reply = trial.call(&call.method, &call.params, &call.scopes).await?;
        let took = started.elapsed();
        Ok(Self { mismatch: call.judge(&calls::ending(reply)), name: call.name.clone(), took, cost: None })
    }

    fn to_json(&self) -> Value {
        let mut document =
            json!({ "name": self.name, "ok": self.mismatch.is_none(), "micros": self.took.as_micros() as u64 });
        if let Some(cost) = &self.cost {
            document["cpuMicros"] = (cost.cpu.as_micros() as u64).into();
            document["memoryBytes"] = cost.memory_bytes.into();
            document["hostCalls"] = cost.host_calls.into();
            document["resultBytes"] = cost.result_bytes.into();
            document["logLines"] = cost.log_lines.into();
        }
        if let Some(Mismatch { place, expected, actual }) = &self.mismatch {
            document["mismatch"] = json!({ "place": place, "expected": expected, "actual": actual });
        }
        document
    }

    pub(super) fn print(&self, output: &Output) -> Result<(), CliError> {
        let (colour, word) = if self.mismatch.is_none() { (Colour::Green, "ok  ") } else { (Colour::Red, "FAIL") };
        let word = output.paint(colour, word);
        output.painted_line(&format!("{word}  {} ({} µs)", printable(&self.name), self.took.as_micros()))?;
        if let Some(Mismatch { place, expected, actual }) = &self.mismatch {
            output.line(&format!("      {place}\n        expected {expected}\n        was      {actual}"))?;
        }
        Ok(())
    }
}
