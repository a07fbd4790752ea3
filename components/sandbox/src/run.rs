//! `sandbox.run`

use std::collections::BTreeMap;

use openclaw_sdk::sandbox::{Limits, Outcome, Workload};
use openclaw_sdk::{Call, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text;

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Bwrap,
    Docker,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Bwrap => "bwrap",
            Self::Docker => "docker",
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Run {
    /// The program and its arguments; a program without a slash is looked for in PATH.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// The configured one, or a stricter one.
    #[serde(default)]
    mode: Option<Mode>,
    /// Below /work.
    #[serde(default)]
    cwd: Option<String>,
    /// All there is besides PATH and HOME.
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    limits: Asked,
}

/// What is left out is the most that the tenant gets.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    #[schemars(range(min = 1))]
    wall_ms: Option<u32>,
    /// Of stdout and of stderr, each.
    #[serde(default)]
    #[schemars(range(min = 1))]
    output_bytes: Option<u64>,
    #[serde(default)]
    #[schemars(range(min = 1))]
    memory_bytes: Option<u64>,
    #[serde(default)]
    #[schemars(range(min = 1))]
    pids: Option<u32>,
    /// Thousandths of a core.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cpu_millis: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Ran {
    /// Null where a signal or a limit ended it.
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// exit, timeout, oom, output_limit, pids, killed or failed-to-start.
    reason: String,
    /// What is no UTF-8 is replaced.
    stdout: String,
    stderr: String,
    /// More was written than is here.
    truncated: bool,
    usage: Used,
    mode: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Used {
    cpu_ms: u64,
    peak_memory_bytes: u64,
    wall_ms: u64,
}

pub(crate) fn run(call: &Call, params: Run) -> Result<Ran> {
    Ok(call.sandbox()?.run(&params.into())?.into())
}

impl From<Run> for Workload {
    fn from(params: Run) -> Self {
        let Asked { wall_ms, output_bytes, memory_bytes, pids, cpu_millis } = params.limits;
        Self {
            environment: params.env.into_iter().collect(),
            working_directory: params.cwd.unwrap_or_default(),
            stdin: params.stdin.unwrap_or_default().into_bytes(),
            mode: params.mode.map(Mode::name).unwrap_or_default().to_owned(),
            // 0 is what was not asked for.
            limits: Limits {
                wall_ms: wall_ms.unwrap_or_default(),
                output_bytes: output_bytes.unwrap_or_default(),
                memory_bytes: memory_bytes.unwrap_or_default(),
                pids: pids.unwrap_or_default(),
                cpu_millis: cpu_millis.unwrap_or_default(),
            },
            ..Self::new(params.command)
        }
    }
}

impl From<Outcome> for Ran {
    fn from(outcome: Outcome) -> Self {
        let (stdout, out_is_cut) = text::fitting(&outcome.stdout);
        let (stderr, err_is_cut) = text::fitting(&outcome.stderr);
        Self {
            exit_code: outcome.exit_code,
            signal: outcome.signal,
            // The contract's spelling of the one reason of two words.
            reason: outcome.reason.replace("output-limit", "output_limit"),
            stdout,
            stderr,
            truncated: outcome.truncated || out_is_cut || err_is_cut,
            usage: Used {
                cpu_ms: outcome.usage.cpu_ms,
                peak_memory_bytes: outcome.usage.peak_memory_bytes,
                wall_ms: outcome.usage.wall_ms,
            },
            mode: outcome.mode,
        }
    }
}
