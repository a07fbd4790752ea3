//! Where the texts of a memory come from.
//!
//! Three places, in this order where two have the same path: what was put (the family's directory `<agent>/`), the
//! agent's own MEMORY.md (the family `agents`), and Markdown of the tenant's workspace. The workspace is one for all
//! agents: `memory/*.md` in it is the main agent's, `memory/<agent>/*.md` another's.

use crate::files::{Origin, Rows, Source, check_path};
use crate::memory::Memory;
use openclaw_sdk::agents::MAIN;
use openclaw_sdk::files::{Directory, Kind};
use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The largest file that is remembered, in bytes.
pub(crate) const FILE_BYTES: usize = 512 << 10;

/// Files of an agent that are part of its memory.
const OF_AGENT: [&str; 2] = ["MEMORY.md", "memory.md"];

/// Most files of the workspace.
const WORKSPACE_FILES: usize = 1_000;

/// A file as it is found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) source: Source,
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) modified_ms: u64,
}

#[derive(Deserialize)]
struct Listed {
    files: Vec<AgentFile>,
}

#[derive(Deserialize)]
struct Got {
    file: AgentFile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentFile {
    name: String,
    missing: bool,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    updated_at_ms: u64,
    #[serde(default)]
    content: Option<String>,
}

/// Everything that is to be remembered now, by its path; `rows` are what is.
pub(crate) fn all(memory: &Memory<'_>, rows: &Rows) -> Result<BTreeMap<String, Found>> {
    let mut all = BTreeMap::new();
    for found in put(memory, rows)?.into_iter().chain(of_agent(memory)?).chain(of_workspace(memory)?) {
        if found.size <= FILE_BYTES as u64 && check_path(&found.path).is_ok() {
            all.entry(found.path.clone()).or_insert(found);
        }
    }
    Ok(all)
}

/// The text of a file; none where it is gone, or cannot be read.
pub(crate) fn text(memory: &Memory<'_>, file: &Found) -> Result<Option<String>> {
    let bytes = match file.origin {
        Origin::Put => read(&memory.call.files()?, &put_path(&memory.agent, &file.path))?,
        Origin::Workspace => read(&memory.call.workspace()?, &file.path)?,
        Origin::Agent => {
            let params = json!({ "agentId": memory.agent, "name": file.path });
            let got: Got = memory.call.methods()?.call("agents.files.get", &params)?;
            got.file.content.map(String::into_bytes)
        }
    };
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Where the text of something that was put is, in the family's directory.
pub(crate) fn put_path(agent: &str, path: &str) -> String {
    format!("{agent}/{path}")
}

/// What a workload made of its files is not ours to fail of: a link that leads out, a name that is a directory by now.
fn read(directory: &Directory, path: &str) -> Result<Option<Vec<u8>>> {
    match directory.read(path, FILE_BYTES) {
        Err(error) if is_of_the_file(&error) => Ok(None),
        read => read,
    }
}

fn is_of_the_file(error: &Error) -> bool {
    error.is_not_found() || matches!(&*error.code, "INVALID_REQUEST" | "FORBIDDEN")
}

fn put(memory: &Memory<'_>, rows: &Rows) -> Result<Vec<Found>> {
    let directory = memory.call.files()?;
    let mut found = Vec::new();
    for (path, row) in rows.iter().filter(|(_, row)| row.origin == Origin::Put) {
        let metadata = directory.metadata(&put_path(&memory.agent, path))?;
        found.extend(metadata.map(|metadata| Found {
            path: path.clone(),
            source: row.source,
            origin: Origin::Put,
            size: metadata.size,
            modified_ms: metadata.modified_ms,
        }));
    }
    Ok(found)
}

fn of_agent(memory: &Memory<'_>) -> Result<Vec<Found>> {
    let listed: Listed = memory.call.methods()?.call("agents.files.list", &json!({ "agentId": memory.agent }))?;
    let is_memory = |file: &AgentFile| !file.missing && OF_AGENT.contains(&file.name.as_str());
    let found = |file: AgentFile| Found {
        path: file.name,
        source: Source::Memory,
        origin: Origin::Agent,
        size: file.size,
        modified_ms: file.updated_at_ms,
    };
    Ok(listed.files.into_iter().filter(is_memory).map(found).collect())
}

fn of_workspace(memory: &Memory<'_>) -> Result<Vec<Found>> {
    let folder = match memory.agent.as_str() {
        MAIN => "memory".to_owned(),
        agent => format!("memory/{agent}"),
    };
    let entries = match memory.call.workspace()?.list(&folder) {
        Ok(entries) => entries,
        Err(error) if is_of_the_file(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let markdown = entries.into_iter().filter(|entry| entry.metadata.kind == Kind::File && entry.name.ends_with(".md"));
    let found = |entry: openclaw_sdk::files::Entry| Found {
        path: format!("{folder}/{}", entry.name),
        source: Source::Memory,
        origin: Origin::Workspace,
        size: entry.metadata.size,
        modified_ms: entry.metadata.modified_ms,
    };
    Ok(markdown.take(WORKSPACE_FILES).map(found).collect())
}
