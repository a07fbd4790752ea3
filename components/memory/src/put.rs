//! `memory.put`

use crate::entry;
use crate::files::{MOST, Origin, Row, Source, check_path};
use crate::memory::Memory;
use crate::sources::{FILE_BYTES, Found, put_path};
use crate::sync::ready;
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// A name of the memory's own, such as `memory/2026-03-01.md`.
    path: String,
    /// Markdown, at most 512 KiB.
    text: String,
    /// The default agent where it is left out.
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    source: Source,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Stored {
    chunks: u32,
}

pub(crate) fn put(call: &Call, params: Params) -> Result<Stored> {
    let Params { path, text, agent_id, source } = params;
    check_path(&path)?;
    if text.len() > FILE_BYTES {
        return Err(Error::invalid(format!("text is longer than {FILE_BYTES} bytes")));
    }
    let memory = Memory::of_agent(call, agent_id)?;
    let _claim = memory.claim()?;
    ready(&memory, false)?;
    let known = memory.files.get(&path)?;
    if known.is_none() && memory.files.count()? >= MOST as u64 {
        return Err(Error::invalid(format!("an agent remembers at most {MOST} files")));
    }
    let (directory, file) = (call.files()?, put_path(&memory.agent, &path));
    directory.write(&file, text.as_bytes())?;
    let metadata = directory.metadata(&file)?.ok_or_else(|| Error::internal("what was written is gone"))?;
    let found = Found { path, source, origin: Origin::Put, size: metadata.size, modified_ms: metadata.modified_ms };
    let (Row { chunks, .. }, _) = entry::write(&memory, &memory.index()?, &found, known.as_ref(), &text)?;
    Ok(Stored { chunks })
}
