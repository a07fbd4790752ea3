//! What somebody is asked about, as people read it: nothing in it hides, and its length is bounded, so that it fits
//! into an event.

use crate::text::shown;
use openclaw_sdk::{Error, Result};
use serde::{Deserialize, Serialize};

/// The most bytes of a command, as it is shown.
const COMMAND_BYTES: usize = 16 << 10;

/// The most bytes of whatever else is said of it.
const WORD_BYTES: usize = 1 << 10;

/// Whose commands they are where nobody says so.
const MAIN: &str = "main";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Question {
    pub(crate) command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) security: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_key: Option<String>,
}

impl Question {
    /// The same as people read it.
    pub(crate) fn visible(self) -> Result<Self> {
        if self.command.trim().is_empty() {
            return Err(Error::invalid("command is empty"));
        }
        let word = |name: &str, word: Option<String>| word.map(|word| shown(name, &word, WORD_BYTES)).transpose();
        Ok(Self {
            command: shown("command", &self.command, COMMAND_BYTES)?,
            cwd: word("cwd", self.cwd)?,
            host: word("host", self.host)?,
            security: word("security", self.security)?,
            ask: word("ask", self.ask)?,
            agent_id: word("agentId", self.agent_id)?,
            resolved_path: word("resolvedPath", self.resolved_path)?,
            session_key: word("sessionKey", self.session_key)?,
        })
    }

    /// The agent whose command it is.
    pub(crate) fn agent(&self) -> &str {
        self.agent_id.as_deref().unwrap_or(MAIN)
    }
}
