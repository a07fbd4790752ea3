//! What is done with a terminal that runs: `terminal.write`, `.resize`, `.close` and `.attach`.

use openclaw_sdk::pty::Size;
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::named;

/// The most that is typed at once, in bytes.
const MOST: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Write {
    #[serde(default)]
    terminal_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    data: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Written {
    /// Bytes.
    written: usize,
}

pub(crate) fn write(call: &Call, params: Write) -> Result<Written> {
    let written = params.data.len();
    if written > MOST {
        return Err(Error::invalid(format!("data has {written} bytes; at most {MOST} are typed at once")));
    }
    named(call, params.terminal_id, params.session_id)?.write(params.data.as_bytes())?;
    Ok(Written { written })
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resize {
    #[serde(default)]
    terminal_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[schemars(range(min = 10, max = 500))]
    cols: u16,
    #[schemars(range(min = 5, max = 200))]
    rows: u16,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Resized {
    cols: u16,
    rows: u16,
}

pub(crate) fn resize(call: &Call, params: Resize) -> Result<Resized> {
    let Resize { terminal_id, session_id, cols, rows } = params;
    named(call, terminal_id, session_id)?.resize(Size { columns: cols, rows })?;
    Ok(Resized { cols, rows })
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Named {
    #[serde(default)]
    terminal_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Closed {
    closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// One that is not there any more is closed.
pub(crate) fn close(call: &Call, params: Named) -> Result<Closed> {
    let closed = named(call, params.terminal_id, params.session_id).and_then(|terminal| terminal.close());
    match closed {
        Ok(()) => Ok(Closed { closed: true, warning: None }),
        Err(error) if error.is_not_found() => Ok(Closed { closed: true, warning: Some(error.message) }),
        Err(error) => Err(error),
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Attached {
    terminal_id: String,
    session_id: String,
    /// The newest 256 KiB of what it has shown.
    buffer: String,
    cols: u16,
    rows: u16,
}

pub(crate) fn attach(call: &Call, params: Named) -> Result<Attached> {
    let terminal = named(call, params.terminal_id, params.session_id)?;
    let information = terminal.information()?;
    let buffer = String::from_utf8_lossy(&terminal.scrollback()?).into_owned();
    let (id, Size { columns: cols, rows }) = (information.id, information.size);
    Ok(Attached { terminal_id: id.clone(), session_id: id, buffer, cols, rows })
}
