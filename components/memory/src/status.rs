//! `memory.status`

use crate::memory::Memory;
use crate::sync::is_dirty;
use openclaw_sdk::{Call, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// The default agent where it is left out.
    #[serde(default)]
    agent_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Status {
    files: u64,
    chunks: u64,
    /// Numbers of a vector.
    dims: u32,
    model: String,
    /// Something changed that is not indexed yet.
    dirty: bool,
    fts_available: bool,
    vector_available: bool,
}

pub(crate) fn status(call: &Call, params: Params) -> Result<Status> {
    let memory = Memory::of_agent(call, params.agent_id)?;
    let indexed = memory.files.model()?.unwrap_or_else(|| memory.model.clone());
    let count = call.vectors(&memory.agent, indexed.dimensions).and_then(|index| index.count());
    let is_readable = count.is_ok();
    Ok(Status {
        files: memory.files.count()?,
        chunks: count.unwrap_or_default(),
        dims: memory.model.dimensions,
        dirty: is_dirty(&memory)?,
        fts_available: is_readable,
        vector_available: is_readable && indexed == memory.model,
        model: memory.model.name.clone(),
    })
}
