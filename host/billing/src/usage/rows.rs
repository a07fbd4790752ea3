//! The ledger's tables and statements in `control.db`.

use std::collections::HashMap;

use openclaw_control::{ControlDb, ControlError};
use openclaw_tenancy::TenantId;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::Count;
use super::store::{Counts, Stored, UsageStore};
use crate::Period;

const STEPS: &[&str] = &["
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

/// The ledger in `control.db`.
pub(super) struct SqliteUsage(ControlDb);

impl SqliteUsage {
    /// Brings the tables up to date.
    pub(super) fn open(db: ControlDb) -> std::result::Result<Self, ControlError> {
        db.migrate("usage", STEPS)?;
        Ok(Self(db))
    }
}

impl UsageStore for SqliteUsage {
    fn add_requests(&self, counts: Counts) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| {
            for ((tenant, period), count) in &counts {
                add_requests(tx, tenant, *period, *count)?;
            }
            Ok(())
        }))
    }

    fn add_refusal(&self, tenant: TenantId, period: Period, quota: &'static str, at_ms: i64) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| Ok(add_refusal(tx, &tenant, period, quota, at_ms)?)))
    }

    fn remove(&self, tenant: TenantId) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| Ok(remove(tx, &tenant)?)))
    }

    fn of_period(&self, tenant: TenantId, period: Period) -> Stored<'_, Option<Count>> {
        Box::pin(self.0.read(move |db| Ok(of_period(db, &tenant, period)?)))
    }

    fn of_tenant(&self, tenant: TenantId) -> Stored<'_, HashMap<String, Count>> {
        Box::pin(self.0.read(move |db| Ok(of_tenant(db, &tenant)?)))
    }

    fn refusals(&self, tenant: TenantId, period: Period) -> Stored<'_, Vec<(String, u64)>> {
        Box::pin(self.0.read(move |db| Ok(refusals(db, &tenant, period)?)))
    }
}

fn add_requests(db: &Connection, tenant: &TenantId, period: Period, count: Count) -> Result<()> {
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

fn of_period(db: &Connection, tenant: &TenantId, period: Period) -> Result<Option<Count>> {
    db.prepare_cached("SELECT requests, updated_at_ms FROM usage_requests WHERE tenant = ?1 AND period = ?2")?
        .query_row(params![tenant.as_str(), period.to_string()], |row| count(row, 0))
        .optional()
}

fn of_tenant(db: &Connection, tenant: &TenantId) -> Result<HashMap<String, Count>> {
    db.prepare_cached("SELECT period, requests, updated_at_ms FROM usage_requests WHERE tenant = ?1")?
        .query_map([tenant.as_str()], |row| Ok((row.get(0)?, count(row, 1)?)))?
        .collect()
}

fn refusals(db: &Connection, tenant: &TenantId, period: Period) -> Result<Vec<(String, u64)>> {
    db.prepare_cached("SELECT quota, refusals FROM usage_refusals WHERE tenant = ?1 AND period = ?2 ORDER BY quota")?
        .query_map(params![tenant.as_str(), period.to_string()], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
        .collect()
}

fn remove(db: &Connection, tenant: &TenantId) -> Result<()> {
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
