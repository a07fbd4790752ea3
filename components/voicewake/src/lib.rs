//! The words that wake the tenant's assistant, kept in `settings/voicewake.json`.
//!
//! There is always at least one trigger: an empty list is the defaults.

use openclaw_sdk::{Call, NoParams, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words that wake the assistant by voice.
#[openclaw_sdk::handler(family = "voicewake", events("voicewake.changed"))]
mod handler {
    use super::*;

    /// The wake words.
    #[method(scope = read, tier = core)]
    fn get(call: &Call, _: NoParams) -> Result<Triggers> {
        let stored: Option<Stored> =
            call.files()?.read(FILE, FILE_LIMIT)?.map(|content| serde_json::from_slice(&content)).transpose()?;
        Ok(normalise(stored.map(|stored| stored.triggers).unwrap_or_default()))
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
