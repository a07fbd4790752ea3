//! The ledger's tables and statements.

use std::collections::HashMap;

use openclaw_tenancy::TenantId;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::Count;
use crate::Period;

pub(super) const STEPS: &[&str] = &["
    CREATE TABLE usage_requests (
        tenant TEXT NOT NULL, period TEXT NOT NULL,
        requests INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, period)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_refusals (
        tenant TEXT NOT NULL, period TEXT NOT NULL, quota TEXT NOT NULL,
        refusals INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, period, quota)
    ) STRICT, WITHOUT ROWID;"];

pub(super) fn add_requests(db: &Connection, tenant: &TenantId, period: Period, count: Count) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO usage_requests VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
         requests = requests + ?3, updated_at_ms = max(updated_at_ms, ?4)",
    )?
    .execute(params![
        tenant.as_str(),
        period.to_string(),
        i64::try_from(count.requests).unwrap_or(i64::MAX),
        count.updated_at_ms
    ])
    .map(drop)
}

pub(super) fn add_refusal(db: &Connection, tenant: &TenantId, period: Period, quota: &str, at_ms: i64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO usage_refusals VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT DO UPDATE SET
         refusals = refusals + 1, updated_at_ms = max(updated_at_ms, ?4)",
    )?
    .execute(params![tenant.as_str(), period.to_string(), quota, at_ms])
    .map(drop)
}

pub(super) fn of_period(db: &Connection, tenant: &TenantId, period: Period) -> Result<Option<Count>> {
    db.prepare_cached("SELECT requests, updated_at_ms FROM usage_requests WHERE tenant = ?1 AND period = ?2")?
        .query_row(params![tenant.as_str(), period.to_string()], |row| count(row, 0))
        .optional()
}

pub(super) fn of_tenant(db: &Connection, tenant: &TenantId) -> Result<HashMap<String, Count>> {
    db.prepare_cached("SELECT period, requests, updated_at_ms FROM usage_requests WHERE tenant = ?1")?
        .query_map([tenant.as_str()], |row| Ok((row.get(0)?, count(row, 1)?)))?
        .collect()
}

pub(super) fn refusals(db: &Connection, tenant: &TenantId, period: Period) -> Result<Vec<(String, u64)>> {
    db.prepare_cached("SELECT quota, refusals FROM usage_refusals WHERE tenant = ?1 AND period = ?2 ORDER BY quota")?
        .query_map(params![tenant.as_str(), period.to_string()], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
        .collect()
}

pub(super) fn remove(db: &Connection, tenant: &TenantId) -> Result<()> {
    db.execute("DELETE FROM usage_requests WHERE tenant = ?1", [tenant.as_str()])?;
    db.execute("DELETE FROM usage_refusals WHERE tenant = ?1", [tenant.as_str()]).map(drop)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> Result<Count> {
    Ok(Count { requests: unsigned(row, column)?, updated_at_ms: row.get(column + 1)? })
}

fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}
