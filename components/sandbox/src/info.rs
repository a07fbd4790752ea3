//! `sandbox.info`

use openclaw_sdk::{Call, NoParams, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::Mode;

/// As the host tells it.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Info {
    /// The configured one.
    mode: Mode,
    /// It, and those that are stricter.
    modes: Vec<OfMode>,
    limits: Most,
    /// Workloads of the tenant at once.
    concurrent: u32,
    /// none or allowlist.
    network: String,
    /// /work cannot be written.
    read_only: bool,
    /// A mode that does not enforce every limit is refused.
    strict: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct OfMode {
    mode: Mode,
    /// Whether workloads can be run in it here; if not, the rest is left out.
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The system that workloads see: tree:DIGEST, host-usr or image:NAME.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Kept>,
    notes: Vec<String>,
}

/// How well each limit is kept.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Kept {
    memory: How,
    cpu: How,
    pids: How,
    wall: How,
    output: How,
    files: How,
    file_size: How,
    tmp: How,
    binds: How,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum How {
    /// For the workload as a whole.
    Enforced,
    /// For each of its processes, or looked at from time to time.
    Approximated,
    Unavailable,
}

/// The most that a workload of the tenant gets.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Most {
    wall_ms: u64,
    output_bytes: u64,
    memory_bytes: u64,
    pids: u64,
    cpu_millis: u64,
}

pub(crate) fn info(call: &Call, _: NoParams) -> Result<Info> {
    call.sandbox()?.info()
}
