//! What is done with a terminal that runs: `terminal.write`, `.input`, `.resize` and `.close`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use openclaw_sdk::pty::{Size, Terminal};
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
    #[serde(default)]
    data: Option<String>,
    /// Bytes in base64, instead of text.
    #[serde(default, rename = "dataB64")]
    data_b64: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Written {
    /// Bytes.
    written: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Input {
    session_id: String,
    data: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Done {
    ok: bool,
}

pub(crate) fn write(call: &Call, params: Write) -> Result<Written> {
    let data = match (params.data, params.data_b64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => BASE64.decode(encoded).map_err(|_| Error::invalid("dataB64 is no base64"))?,
        _ => return Err(Error::invalid("what is typed is data or dataB64, one of them")),
    };
    type_in(&named(call, params.terminal_id, params.session_id)?, &data)?;
    Ok(Written { written: data.len() })
}

pub(crate) fn input(call: &Call, params: Input) -> Result<Done> {
    type_in(&named(call, None, Some(params.session_id))?, params.data.as_bytes())?;
    Ok(Done { ok: true })
}

fn type_in(terminal: &Terminal, data: &[u8]) -> Result<()> {
    if data.len() > MOST {
        return Err(Error::invalid(format!("data has {} bytes; at most {MOST} are typed at once", data.len())));
    }
    terminal.write(data)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resize {
    #[serde(default)]
    terminal_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[schemars(range(min = 1, max = 2000))]
    cols: u16,
    #[schemars(range(min = 1, max = 2000))]
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
    pub(crate) terminal_id: Option<String>,
    #[serde(default)]
    pub(crate) session_id: Option<String>,
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
