//! `openclaw components test FILE`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use openclaw_config::gateway::CallLimits;
use openclaw_runtime::{CostLog, Limits};
use serde_json::{Value, json};

use super::calls::{self, Call};
use super::compare::Mismatch;
use super::file::ComponentFile;
use super::trial::Trial;
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
    pub(super) mismatch: Option<Mismatch>,
}

impl Test {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let file = ComponentFile::read(&self.file)?;
        let calls = calls::read(self.calls, &self.file)?;
        let trial = open(&file, None).await?;
        let mut outcomes = Vec::new();
        for call in &calls {
            outcomes.push(Outcome::of(&trial, call).await?);
        }
        trial.close().await;
        let failed = outcomes.iter().filter(|outcome| outcome.mismatch.is_some()).count();
        if output.json {
            let calls: Vec<Value> = outcomes.iter().map(Outcome::to_json).collect();
            output.document(&json!({ "ok": failed == 0, "total": calls.len(), "failed": failed, "calls": calls }))?;
        } else if !output.quiet {
            outcomes.iter().try_for_each(|outcome| outcome.print(output))?;
            output.line(&format!("{} calls, {failed} failed", outcomes.len()))?;
        }
        if failed == 0 { Ok(()) } else { Err(CliError::silent(Kind::Failed)) }
    }
}

/// A gateway with the component in it.
pub(super) async fn open(file: &ComponentFile, costs: Option<Arc<CostLog>>) -> Result<Trial, CliError> {
    let refused = |reason: String| {
        CliError::failed(format!("{} is refused: {reason}", file.path.display()))
            .hint("`openclaw components check FILE` says more")
    };
    let limits = Limits::from(&CallLimits::default());
    let manifest = file.manifest(&limits).await.map_err(|error| refused(error.to_string()))?;
    let grants = file.grants(&manifest);
    if let Some(reason) = file.ungrantable(&grants) {
        return Err(refused(reason));
    }
    Trial::open(file, manifest.family.as_str(), grants, costs).await?.map_err(|error| refused(error.to_string()))
}

impl Outcome {
    pub(super) async fn of(trial: &Trial, call: &Call) -> Result<Self, CliError> {
        let started = Instant::now();
        let reply = trial.call(&call.method, &call.params, &call.scopes).await?;
        let took = started.elapsed();
        Ok(Self { mismatch: call.judge(&reply), name: call.name.clone(), took })
    }

    fn to_json(&self) -> Value {
        let mut document =
            json!({ "name": self.name, "ok": self.mismatch.is_none(), "micros": self.took.as_micros() as u64 });
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
