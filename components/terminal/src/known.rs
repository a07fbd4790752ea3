//! Which terminals there are: `terminal.list`, and a terminal by either of its names.

use openclaw_sdk::pty::{Details, Information, Surveyed, Terminal};
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
    agent_id: String,
    pid: u32,
    cols: u16,
    rows: u16,
    shell: String,
    cwd: String,
    created_at: String,
    last_activity_at: String,
    created_at_ms: u64,
    /// It runs in the sandbox: always.
    confined: bool,
    /// A connection watches it, over `/terminal`.
    attached: bool,
}

/// A terminal as OpenClaw's clients know one.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Opened {
    pub(crate) session_id: String,
    pub(crate) agent_id: String,
    pub(crate) shell: String,
    pub(crate) cwd: String,
    pub(crate) confined: bool,
}

impl Opened {
    pub(crate) fn of(terminal: &Terminal) -> Result<Self> {
        let (information, details) = (terminal.information()?, terminal.details()?);
        let shell = shell(&details);
        let Details { working_directory: cwd, note: agent_id, .. } = details;
        Ok(Self { session_id: information.id, agent_id, shell, cwd, confined: true })
    }
}

/// The tenant's; those of every tenant, where the operator asks for none.
pub(crate) fn list(call: &Call, _: NoParams) -> Result<Listed> {
    Ok(Listed { sessions: call.terminals()?.survey()?.into_iter().map(row).collect() })
}

fn row(surveyed: Surveyed) -> Row {
    let Surveyed { tenant, information, details } = surveyed;
    let Information { id, pid, size, created_ms, last_activity_ms } = information;
    let shell = shell(&details);
    Row {
        terminal_id: id.clone(),
        session_id: id,
        tenant_id: tenant,
        agent_id: details.note,
        pid,
        cols: size.columns,
        rows: size.rows,
        shell,
        cwd: details.working_directory,
        created_at: rfc3339(created_ms),
        last_activity_at: rfc3339(last_activity_ms),
        created_at_ms: created_ms,
        confined: true,
        attached: details.watchers > 0,
    }
}

/// The program.
fn shell(details: &Details) -> String {
    details.command.first().cloned().unwrap_or_default()
}

/// The terminal that one of the two names; both, or neither, is a mistake.
pub(crate) fn named(call: &Call, terminal_id: Option<String>, session_id: Option<String>) -> Result<Terminal> {
    let ((Some(id), None) | (None, Some(id))) = (terminal_id, session_id) else {
        return Err(Error::invalid("a terminal is named by terminalId or by sessionId, one of them"));
    };
    call.terminals()?.attach(&id)
}
