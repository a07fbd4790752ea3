//! The words that wake the tenant's assistant, kept in `settings/voicewake.json`.
//!
//! There is always at least one trigger: an empty list is the defaults.

use openclaw_sdk::{Call, Error, NoParams, Result, log, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words that wake the assistant by voice.
#[openclaw_sdk::handler(family = "voicewake", events("voicewake.changed"))]
mod handler {
    use super::*;

    /// The wake words.
    #[method(scope = read, tier = core)]
    #[allow(clippy::disallowed_methods, reason = "what this family wrote, into a type of its own")]
    fn get(call: &Call, _: NoParams) -> Result<Triggers> {
        let content = call.files()?.read(FILE, FILE_LIMIT)?;
        let stored = content.map(|content| serde_json::from_slice(&content).map_err(damaged)).transpose()?;
        Ok(normalise(stored.map(|stored: Stored| stored.triggers).unwrap_or_default()))
    }

    /// Replaces the wake words; an empty list restores the defaults.
    #[method(scope = write, tier = core)]
    fn set(call: &Call, params: SetTriggers) -> Result<Triggers> {
        let answer = normalise(params.triggers);
        let stored = serde_json::to_vec(&Stored { triggers: answer.triggers.clone(), updated_at_ms: now_ms() })?;
        call.files()?.write(FILE, &stored)?;
        call.events()?.publish("voicewake.changed", &answer)?;
        Ok(answer)
    }
}

const FILE: &str = "voicewake.json";
const FILE_LIMIT: usize = 256 << 10;
const DEFAULTS: [&str; 3] = ["openclaw", "claude", "computer"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetTriggers {
    triggers: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Triggers {
    triggers: Vec<String>,
}

/// The file, as OpenClaw writes it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(default)]
    triggers: Vec<String>,
    #[serde(default)]
    updated_at_ms: u64,
}

/// Somebody else wrote the file: the client and the operator learn which, and what mends it.
fn damaged(error: serde_json::Error) -> Error {
    let message = format!("settings/{FILE} is damaged ({error}): voicewake.set replaces it");
    log::warn(&message);
    Error::unavailable(message, None)
}

/// Trims, drops what is empty, and falls back to the defaults.
fn normalise(triggers: Vec<String>) -> Triggers {
    let mut triggers: Vec<String> =
        triggers.into_iter().map(|trigger| trigger.trim().to_owned()).filter(|trigger| !trigger.is_empty()).collect();
    if triggers.is_empty() {
        triggers = DEFAULTS.map(str::to_owned).to_vec();
    }
    Triggers { triggers }
}

#[cfg(test)]
mod tests;
