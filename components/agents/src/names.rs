//! Ids of agents and names of their files.

use openclaw_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const ID_LENGTH: usize = 64;

/// The id that a name makes, as OpenClaw makes it: lower case, everything but
/// letters, digits, `_` and `-` a `-`. It is safe as the name of a directory.
pub(crate) fn id_of(name: &str) -> Result<String> {
    let mut id = String::new();
    for character in name.trim().to_lowercase().chars() {
        let is_plain = character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        match is_plain {
            true => id.push(character),
            false if id.ends_with('-') => {}
            false => id.push('-'),
        }
    }
    let id = id.trim_start_matches(['-', '_']);
    let id = id[..id.len().min(ID_LENGTH)].trim_end_matches('-');
    if id.is_empty() {
        return Err(Error::invalid("an agent's name has at least one letter a-z or digit"));
    }
    Ok(id.to_owned())
}

/// The directory of an agent, relative to the tenant's.
pub(crate) fn workspace_of(id: &str) -> String {
    format!("agents/{id}")
}

/// The files that a client may read and write.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum FileName {
    #[serde(rename = "AGENTS.md")]
    Agents,
    #[serde(rename = "SOUL.md")]
    Soul,
    #[serde(rename = "TOOLS.md")]
    Tools,
    #[serde(rename = "IDENTITY.md")]
    Identity,
    #[serde(rename = "USER.md")]
    User,
    #[serde(rename = "HEARTBEAT.md")]
    Heartbeat,
    #[serde(rename = "BOOTSTRAP.md")]
    Bootstrap,
    #[serde(rename = "MEMORY.md")]
    Memory,
    #[serde(rename = "memory.md")]
    OldMemory,
}

impl FileName {
    /// All, in the order in which a client shows them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Agents,
        Self::Soul,
        Self::Tools,
        Self::Identity,
        Self::User,
        Self::Heartbeat,
        Self::Bootstrap,
        Self::Memory,
        Self::OldMemory,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agents => "AGENTS.md",
            Self::Soul => "SOUL.md",
            Self::Tools => "TOOLS.md",
            Self::Identity => "IDENTITY.md",
            Self::User => "USER.md",
            Self::Heartbeat => "HEARTBEAT.md",
            Self::Bootstrap => "BOOTSTRAP.md",
            Self::Memory => "MEMORY.md",
            Self::OldMemory => "memory.md",
        }
    }
}

#[cfg(test)]
mod tests;
