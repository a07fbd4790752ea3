//! Which terminals there are: `terminal.list`, and a terminal by either of its names.

use openclaw_sdk::pty::{Information, Terminal};
use openclaw_sdk::{Call, Error, NoParams, Result, rfc3339};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Listed {
    sessions: Vec<Row>,
}

/// Both our fields and OpenClaw's.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Row {
    terminal_id: String,
    session_id: String,
    tenant_id: String,
    pid: u32,
    cols: u16,
    rows: u16,
    created_at: String,
    last_activity_at: String,
    created_at_ms: u64,
    /// It runs in the sandbox: always.
    confined: bool,
}

pub(crate) fn list(call: &Call, _: NoParams) -> Result<Listed> {
    let tenant = call.tenant().unwrap_or_default();
    let sessions = call.terminals()?.list()?.into_iter().map(|information| row(information, &tenant)).collect();
    Ok(Listed { sessions })
}

fn row(information: Information, tenant: &str) -> Row {
    let Information { id, pid, size, created_ms, last_activity_ms } = information;
    Row {
        terminal_id: id.clone(),
        session_id: id,
        tenant_id: tenant.to_owned(),
        pid,
        cols: size.columns,
        rows: size.rows,
        created_at: rfc3339(created_ms),
        last_activity_at: rfc3339(last_activity_ms),
        created_at_ms: created_ms,
        confined: true,
    }
}

/// The terminal that one of the two names; both, or neither, is a mistake.
pub(crate) fn named(call: &Call, terminal_id: Option<String>, session_id: Option<String>) -> Result<Terminal> {
    let ((Some(id), None) | (None, Some(id))) = (terminal_id, session_id) else {
        return Err(Error::invalid("a terminal is named by terminalId or by sessionId, one of them"));
    };
    call.terminals()?.attach(&id)
}
