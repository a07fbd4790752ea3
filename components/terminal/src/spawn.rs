//! `terminal.spawn`, and `terminal.open`, which is the same in OpenClaw's shape.

use std::collections::BTreeMap;

use openclaw_sdk::pty::{Size, SpawnOptions};
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::known::Opened;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Bwrap,
    Docker,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spawn {
    #[serde(default = "columns")]
    #[schemars(range(min = 10, max = 500))]
    cols: u16,
    #[serde(default = "rows")]
    #[schemars(range(min = 5, max = 200))]
    rows: u16,
    /// The program of the terminal: bash, if neither this nor cmd is given.
    #[serde(default)]
    shell: Option<String>,
    /// The program with its arguments, instead of a shell.
    #[serde(default)]
    cmd: Vec<String>,
    /// Below /work.
    #[serde(default)]
    cwd: Option<String>,
    /// Besides PATH, HOME and TERM; nothing that begins with LD_.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How it is confined: the configured mode, or a stricter one.
    #[serde(default)]
    sandbox: Option<Mode>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Spawned {
    terminal_id: String,
    /// The same.
    id: String,
    pid: u32,
    cols: u16,
    rows: u16,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Open {
    #[schemars(range(min = 1, max = 2000))]
    cols: u16,
    #[schemars(range(min = 1, max = 2000))]
    rows: u16,
    /// The default agent, if none is named.
    #[serde(default)]
    agent_id: Option<String>,
    /// Refused: there are no catalogs of terminals elsewhere.
    #[serde(default)]
    catalog: Option<Map<String, Value>>,
}

fn columns() -> u16 {
    80
}

fn rows() -> u16 {
    24
}

pub(crate) fn spawn(call: &Call, params: Spawn) -> Result<Spawned> {
    let agents = call.config()?.agents()?;
    let agent = agents.default_id();
    let options = options(params)?;
    let information = call.terminals()?.begin_for(&options, agent, "terminal.output", agent)?.information()?;
    let (id, Size { columns: cols, rows }) = (information.id, information.size);
    Ok(Spawned { terminal_id: id.clone(), id, pid: information.pid, cols, rows })
}

pub(crate) fn open(call: &Call, params: Open) -> Result<Opened> {
    if params.catalog.is_some() {
        return Err(Error::invalid("terminals of a catalog are not available: leave out catalog"));
    }
    let agents = call.config()?.agents()?;
    let agent = agents.named_or_default(params.agent_id.as_deref())?;
    let size = Size { columns: params.cols, rows: params.rows };
    let options = SpawnOptions { environment: environment(BTreeMap::new()), ..SpawnOptions::shell(size) };
    Opened::of(&call.terminals()?.begin_for(&options, agent, "terminal.data", agent)?)
}

fn options(params: Spawn) -> Result<SpawnOptions> {
    if let Some(name) = params.env.keys().find(|name| name.starts_with("LD_")) {
        return Err(Error::invalid(format!("env.{name}: what begins with LD_ is not given to a terminal")));
    }
    let command = match (params.shell, params.cmd.is_empty()) {
        (None, _) => params.cmd,
        (Some(shell), true) => vec![shell],
        (Some(_), false) => return Err(Error::invalid("a terminal has a shell or a cmd, not both")),
    };
    Ok(SpawnOptions {
        command,
        environment: environment(params.env),
        working_directory: params.cwd.unwrap_or_default(),
        mode: match params.sandbox {
            None => String::new(),
            Some(Mode::Bwrap) => "bwrap".to_owned(),
            Some(Mode::Docker) => "docker".to_owned(),
        },
        size: Size { columns: params.cols, rows: params.rows },
    })
}

fn environment(asked: BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut environment = BTreeMap::from([("TERM".to_owned(), "xterm-256color".to_owned())]);
    environment.extend(asked);
    environment.into_iter().collect()
}
