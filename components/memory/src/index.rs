//! `memory.index`

use crate::memory::Memory;
use crate::sync::sync;
use openclaw_sdk::{Call, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// The default agent where it is left out.
    #[serde(default)]
    agent_id: Option<String>,
    /// All files, changed or not.
    #[serde(default)]
    force: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Indexed {
    files: u32,
    chunks: u32,
    /// Chunks that were embedded.
    embedded: u32,
    /// Chunks that had been before.
    cached: u32,
    duration_ms: u64,
}

pub(crate) fn index(call: &Call, params: Params) -> Result<Indexed> {
    let begun = now_ms();
    let memory = Memory::of_agent(call, params.agent_id)?;
    let claim = memory.claim()?;
    let report = sync(&memory, params.force)?;
    let made_progress = report.embedded.anew + report.embedded.cached > 0;
    if report.is_unfinished && made_progress {
        call.tasks()?.start("memory.index", &json!({ "agentId": memory.agent }), Some(claim))?;
    }
    Ok(Indexed {
        files: report.files,
        chunks: report.chunks,
        embedded: report.embedded.anew,
        cached: report.embedded.cached,
        duration_ms: now_ms().saturating_sub(begun),
    })
}
