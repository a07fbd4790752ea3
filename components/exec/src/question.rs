//! What somebody is asked about, as people read it: nothing in it hides, and its length is bounded, so that it fits
//! into an event.

use crate::text::shown;
use openclaw_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most bytes of a command, as it is shown.
const COMMAND_BYTES: usize = 16 << 10;

/// The most bytes of whatever else is said of it.
const WORD_BYTES: usize = 1 << 10;

/// Whose commands they are where nobody says so.
const MAIN: &str = "main";

/// The agent whose list is everyone's. Nobody asks for it: a list for everyone is made by whoever sets the file.
pub(crate) const EVERYONE: &str = "*";

/// The workspace, as commands see it.
const WORK: &str = "/work";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) command: String,
    /// Below the workspace's root; none is the root.
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
        if self.agent() == EVERYONE {
            return Err(Error::invalid("agentId is that of one agent: exec.approvals.set makes a list for everyone"));
        }
        let word = |name: &str, word: Option<String>| word.map(|word| shown(name, &word, WORD_BYTES)).transpose();
        Ok(Self {
            command: shown("command", &self.command, COMMAND_BYTES)?,
            cwd: word("cwd", self.cwd.as_deref().and_then(directory))?,
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

    /// Whether both are of one agent's session.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.agent(), &self.session_key) == (other.agent(), &other.session_key)
    }
}

/// A directory as it is written in one way only: relative to the workspace's root, and none for the root itself. `..`
/// stays, since a link may stand before it.
pub(crate) fn directory(path: &str) -> Option<String> {
    let inside = path.strip_prefix(WORK).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let root = if inside.is_none() && path.starts_with('/') { "/" } else { "" };
    let names: Vec<&str> = inside.unwrap_or(path).split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    Some(format!("{root}{}", names.join("/"))).filter(|directory| !directory.is_empty())
}
