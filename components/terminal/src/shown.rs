//! What a terminal has shown: `terminal.attach` and `terminal.text`.

use openclaw_sdk::pty::{Size, Terminal};
use openclaw_sdk::{Call, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::{Opened, named};
use crate::plain::plain;
use crate::screen::Named;

/// What a terminal has shown, in our fields and OpenClaw's.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Attached {
    terminal_id: String,
    session_id: String,
    agent_id: String,
    shell: String,
    cwd: String,
    confined: bool,
    cols: u16,
    rows: u16,
    /// The newest 256 KiB of what events have told.
    buffer: String,
    /// The number of the last of those events.
    seq: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Text {
    session_id: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Shown {
    /// Without what steers a terminal.
    text: String,
}

pub(crate) fn attach(call: &Call, params: Named) -> Result<Attached> {
    let terminal = named(call, params.terminal_id, params.session_id)?;
    // First: of what is told from then on nothing is missed, and what is told twice has its number.
    terminal.tell_also("terminal.data")?;
    let (seq, buffer) = told(&terminal)?;
    let Size { columns: cols, rows } = terminal.information()?.size;
    let Opened { session_id, agent_id, shell, cwd, confined } = Opened::of(&terminal)?;
    let terminal_id = session_id.clone();
    Ok(Attached { terminal_id, session_id, agent_id, shell, cwd, confined, cols, rows, buffer, seq })
}

pub(crate) fn text(call: &Call, params: Text) -> Result<Shown> {
    let (_, buffer) = told(&named(call, None, Some(params.session_id))?)?;
    Ok(Shown { text: plain(&buffer) })
}

/// What events have told, from the first whole character of what is kept of it.
fn told(terminal: &Terminal) -> Result<(u64, String)> {
    let (seq, bytes) = terminal.replay()?;
    let cut = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    Ok((seq, String::from_utf8_lossy(&bytes[cut..]).into_owned()))
}
