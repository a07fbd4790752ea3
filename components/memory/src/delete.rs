//! `memory.delete`

use crate::entry;
use crate::files::{Origin, check_path};
use crate::memory::Memory;
use crate::sources::put_path;
use openclaw_sdk::{Call, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The path of everything.
const ALL: &str = ".";

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// `.` is everything that the agent remembers. A file that is the agent's own, or in the workspace, stays there,
    /// and is indexed again when the memory next is.
    path: String,
    /// The default agent where it is left out; one that is deleted by now can be named too.
    #[serde(default)]
    agent_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Deleted {
    /// How many chunks were forgotten.
    removed: u32,
}

pub(crate) fn delete(call: &Call, params: Params) -> Result<Deleted> {
    let memory = match params.agent_id {
        Some(agent) => Memory::open(call, agent)?,
        None => Memory::of_agent(call, None)?,
    };
    let _claim = memory.claim()?;
    let removed = match params.path.as_str() {
        ALL => everything(&memory)?,
        path => one(&memory, path)?,
    };
    Ok(Deleted { removed })
}

/// The index goes first: what is left of a deletion that was cut short is found by nobody, and goes with the next.
fn everything(memory: &Memory<'_>) -> Result<u32> {
    memory.call.remove_vectors(&memory.agent)?;
    memory.call.files()?.remove_all(&memory.agent)?;
    let mut removed = 0;
    for (path, row) in memory.files.all()? {
        memory.files.remove(&path)?;
        removed += row.chunks;
    }
    memory.files.forget_model()?;
    Ok(removed)
}

fn one(memory: &Memory<'_>, path: &str) -> Result<u32> {
    check_path(path)?;
    let Some(row) = memory.files.get(path)? else { return Ok(0) };
    let Some(model) = memory.files.model()? else { return Ok(0) };
    let index = memory.call.vectors(&memory.agent, model.dimensions)?;
    if row.origin == Origin::Put {
        memory.call.files()?.remove(&put_path(&memory.agent, path))?;
    }
    entry::remove(memory, &index, path, &row)?;
    Ok(row.chunks)
}
