//! `agents.files.list`, `agents.files.get` and `agents.files.set`.

use crate::names::{FileName, id_of, workspace_of};
use openclaw_sdk::files::{Directory, Kind};
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest file that is read or written, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OfAgent {
    agent_id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Get {
    agent_id: String,
    name: FileName,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Set {
    agent_id: String,
    name: FileName,
    /// At most 1 MiB.
    content: String,
}

/// AgentFile.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct File {
    name: FileName,
    /// Relative to the tenant's directory.
    path: String,
    missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Files {
    agent_id: String,
    workspace: String,
    files: Vec<File>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Found {
    agent_id: String,
    workspace: String,
    file: File,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Written {
    ok: bool,
    agent_id: String,
    workspace: String,
    file: File,
}

pub(crate) fn list(call: &Call, params: OfAgent) -> Result<Files> {
    let id = existing(call, &params.agent_id)?;
    let directory = call.files()?;
    let mut files = FileName::ALL.into_iter().map(|name| look(&directory, &id, name)).collect::<Result<Vec<_>>>()?;
    // Either name of the memory will do; a missing old one is of no interest.
    let has_old = files.last().is_some_and(|file| !file.missing);
    if has_old {
        files.retain(|file| file.name != FileName::Memory || !file.missing);
    } else {
        files.pop();
    }
    Ok(Files { workspace: workspace_of(&id), agent_id: id, files })
}

pub(crate) fn get(call: &Call, params: Get) -> Result<Found> {
    let id = existing(call, &params.agent_id)?;
    let directory = call.files()?;
    let mut file = look(&directory, &id, params.name)?;
    if !file.missing {
        let content = directory.read(&path(&id, params.name), SIZE_LIMIT)?;
        file.missing = content.is_none();
        file.content = content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(Found { workspace: workspace_of(&id), agent_id: id, file })
}

pub(crate) fn set(call: &Call, params: Set) -> Result<Written> {
    if params.content.len() > SIZE_LIMIT {
        return Err(Error::invalid(format!("content is longer than {SIZE_LIMIT} bytes")));
    }
    let id = existing(call, &params.agent_id)?;
    let directory = call.files()?;
    directory.write(&path(&id, params.name), params.content.as_bytes())?;
    let mut file = look(&directory, &id, params.name)?;
    file.content = Some(params.content);
    Ok(Written { ok: true, workspace: workspace_of(&id), agent_id: id, file })
}

/// The id of an agent that there is.
fn existing(call: &Call, agent_id: &str) -> Result<String> {
    let id = id_of(agent_id)?;
    call.config()?.agents()?.get(&id)?;
    Ok(id)
}

/// A file's path below the family's directory.
fn path(id: &str, name: FileName) -> String {
    format!("{id}/{}", name.name())
}

fn look(directory: &Directory, id: &str, name: FileName) -> Result<File> {
    let metadata = directory.metadata(&path(id, name))?.filter(|metadata| metadata.kind == Kind::File);
    Ok(File {
        name,
        path: format!("{}/{}", workspace_of(id), name.name()),
        missing: metadata.is_none(),
        size: metadata.map(|metadata| metadata.size),
        updated_at_ms: metadata.map(|metadata| metadata.modified_ms),
        content: None,
    })
}
