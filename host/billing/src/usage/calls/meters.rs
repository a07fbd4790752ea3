//! What is metered besides model calls: a row a workload, and one a while of what comes in numbers.

use jiff::Timestamp;
use rusqlite::{Connection, Result, params};

use super::QUARTER_MS;
use super::records::{CallId, Caller, MeterKind, WorkloadUsage};
use super::sql::{signed, unsigned};
use crate::window::Window;

#[cfg(test)]
mod tests;

const HOUR_MS: i64 = 3_600_000;

/// Writes one event; false where it is there already.
pub(super) fn insert(
    db: &Connection,
    id: CallId,
    caller: &Caller,
    (kind, amount): (MeterKind, u64),
    at: Timestamp,
    estimated: bool,
) -> Result<bool> {
    let inserted = db
        .prepare_cached("INSERT INTO usage_metered VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING")?
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
        ])?;
    Ok(inserted > 0)
}

/// Writes the size of a tenant's directory: one row an hour, which has the largest of what was measured.
pub(super) fn insert_storage(db: &Connection, tenant: &str, bytes: u64, at: Timestamp) -> Result<()> {
    let hour_ms = at.as_millisecond() - at.as_millisecond().rem_euclid(HOUR_MS);
    db.prepare_cached(
        "INSERT INTO usage_metered VALUES (?1, ?2, '', NULL, NULL, ?3, ?4, ?5, 0)
         ON CONFLICT DO UPDATE SET amount = max(amount, excluded.amount)",
    )?
    .execute(params![
        tenant,
        CallId::first_at(hour_ms).to_string(),
        MeterKind::StorageBytes.name(),
        signed(bytes),
        at.as_millisecond(),
    ])
    .map(drop)
}

/// Counts tools that an agent used: one row a quarter of an hour and agent, whatever the tools.
pub(super) fn add_tools(db: &Connection, caller: &Caller, count: u64, at: Timestamp) -> Result<()> {
    let at_ms = at.as_millisecond();
    db.prepare_cached(
        "INSERT INTO usage_metered VALUES (?1, ?2, ?3, NULL, NULL, ?4, ?5, ?6, 0)
         ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
    )?
    .execute(params![
        caller.tenant.as_str(),
        CallId::of_agent(at_ms - at_ms.rem_euclid(QUARTER_MS), &caller.agent).to_string(),
        caller.agent,
        MeterKind::ToolCalls.name(),
        signed(count),
        at_ms,
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

/// Adds the processor time of a workload to that of its quarter of an hour, and keeps the memory that it had, where that
/// is the most there.
pub(super) fn add_workload(db: &Connection, caller: &Caller, used: WorkloadUsage, at: Timestamp) -> Result<()> {
    if (used.cpu_ms, used.peak_bytes) == (0, 0) {
        return Ok(());
    }
    let at_ms = at.as_millisecond();
    db.prepare_cached(
        "INSERT INTO usage_workloads (tenant, quarter_ms, sandbox_bytes, cpu_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET sandbox_bytes = max(sandbox_bytes, excluded.sandbox_bytes),
                                   cpu_ms = cpu_ms + excluded.cpu_ms",
    )?
    .execute(params![
        caller.tenant.as_str(),
        at_ms - at_ms.rem_euclid(QUARTER_MS),
        signed(used.peak_bytes),
        signed(used.cpu_ms),
    ])
    .map(drop)
}

/// What the workloads of the window took: the processor time of all in milliseconds, and the most memory of one.
pub(crate) fn workloads_of_window(db: &Connection, tenant: &str, window: &Window) -> Result<(u64, u64)> {
    db.prepare_cached(
        "SELECT sum(cpu_ms), max(sandbox_bytes) FROM usage_workloads
         WHERE tenant = ?1 AND quarter_ms >= ?2 AND quarter_ms < ?3",
    )?
    .query_row(params![tenant, window.start.as_millisecond(), window.next.as_millisecond()], |row| {
        Ok((unsigned(row, 0)?, unsigned(row, 1)?))
    })
}
