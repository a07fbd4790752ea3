//! The agent whose terminal it is, which stays with it as its note.

use openclaw_sdk::{Call, Error, Result};
use serde::Deserialize;

/// The agent that every tenant has.
const MAIN: &str = "main";

/// An entry of `agents.list`, as far as it matters here.
#[derive(Deserialize)]
struct Agent {
    #[serde(default)]
    id: String,
    #[serde(default)]
    default: bool,
}

/// The agent that is named, which must be there; the default one, where none is.
pub(crate) fn agent(call: &Call, named: Option<String>) -> Result<String> {
    let agents: Vec<Agent> = call.config()?.effective("/agents/list")?.unwrap_or_default();
    let Some(named) = named else {
        let default = agents.into_iter().find(|agent| agent.default);
        return Ok(default.map_or_else(|| MAIN.to_owned(), |agent| agent.id));
    };
    if named == MAIN || agents.iter().any(|agent| agent.id == named) {
        return Ok(named);
    }
    Err(Error::not_found(format!("there is no agent {named}")))
}
