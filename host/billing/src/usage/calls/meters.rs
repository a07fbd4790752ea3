//! What is metered besides model calls, a row an event.

use jiff::Timestamp;
use rusqlite::{Connection, Result, params};

use super::records::{CallId, Caller, MeterKind};
use super::sql::{signed, unsigned};
use crate::window::Window;

/// Writes one event; nothing where it is there already.
pub(super) fn insert(
    db: &Connection,
    id: CallId,
    caller: &Caller,
    (kind, amount): (MeterKind, u64),
    at: Timestamp,
    estimated: bool,
) -> Result<()> {
    db.prepare_cached("INSERT INTO usage_metered VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING")?
        .execute(params![
            caller.tenant.as_str(),
            id.to_string(),
            caller.agent,
            caller.session,
            caller.run,
            kind.name(),
            signed(amount),
            at.as_millisecond(),
            estimated,
        ])
        .map(drop)
}

/// The amount of a window: the sum, of storage the largest.
pub(crate) fn of_window(db: &Connection, tenant: &str, kind: MeterKind, window: &Window) -> Result<u64> {
    let amount = if kind == MeterKind::StorageBytes { "max(amount)" } else { "sum(amount)" };
    db.prepare_cached(&format!(
        "SELECT {amount} FROM usage_metered WHERE tenant = ?1 AND kind = ?2 AND at_ms >= ?3 AND at_ms < ?4"
    ))?
    .query_row(params![tenant, kind.name(), window.start.as_millisecond(), window.next.as_millisecond()], |row| {
        unsigned(row, 0)
    })
}
