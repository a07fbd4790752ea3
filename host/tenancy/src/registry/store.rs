//! The registry's tables.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use openclaw_control::{ControlDb, ControlError};
use rusqlite::{Connection, Row, Transaction, params};

use super::record::LastSeen;
use super::{RegistryError, TenantRecord};
use crate::{Directory, DirectoryError, Quotas, TenantId, TenantPath, TokenHash, TokenKind};

const STEPS: &[&str] = &["
CREATE TABLE tenants (
    row          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    display_name TEXT,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER,
    disabled     INTEGER NOT NULL,
    quotas       TEXT NOT NULL,
    token_hash   BLOB NOT NULL,
    token_kind   TEXT NOT NULL CHECK (token_kind IN ('minted', 'imported')),
    generation   INTEGER NOT NULL
) STRICT;
CREATE TABLE tenant_deletions (
    aside TEXT PRIMARY KEY,
    id    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"];

type Records = BTreeMap<TenantId, Arc<TenantRecord>>;

pub(super) fn migrate(db: &ControlDb) -> Result<(), ControlError> {
    db.migrate("tenancy", STEPS)
}

/// Whether the tables are there: a database that no gateway was opened on has none.
pub(super) fn is_there(db: &Connection) -> Result<bool, ControlError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'tenants'";
    Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}

/// Every record, or the first error.
pub(super) fn load(db: &ControlDb) -> Result<Records, RegistryError> {
    db.read_blocking(records).map_err(|error| error.rejection().unwrap_or_else(RegistryError::Control))
}

fn records(db: &Connection) -> Result<Records, ControlError> {
    let sql = "SELECT row, id, display_name, created_at, last_seen_at, disabled, quotas,
                      token_hash, token_kind, generation
               FROM tenants";
    let no_quotas = Arc::new(Quotas::default());
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        let record = record(row, number, &no_quotas)
            .map_err(|reason| ControlError::rejected(RegistryError::Row { row: number, reason: reason.to_string() }))?;
        records.push((record.id.clone(), Arc::new(record)));
    }
    Ok(records.into_iter().collect())
}

#[allow(clippy::disallowed_methods, reason = "a row of control.db, into a type of ours")]
fn record(row: &Row<'_>, number: i64, no_quotas: &Arc<Quotas>) -> Result<TenantRecord, Box<dyn Error>> {
    let quotas = match row.get_ref(6)?.as_str()? {
        "{}" => Arc::clone(no_quotas),
        text => Arc::new(serde_json::from_str(text)?),
    };
    let token_kind = match row.get_ref(8)?.as_str()? {
        "imported" => TokenKind::Imported,
        _ => TokenKind::Minted,
    };
    Ok(TenantRecord {
        id: row.get_ref(1)?.as_str()?.parse()?,
        row: u64::try_from(number)?,
        display_name: row.get(2)?,
        created_at: Timestamp::from_millisecond(row.get(3)?)?,
        disabled: row.get(5)?,
        quotas,
        token_kind,
        generation: u64::try_from(row.get::<_, i64>(9)?)?,
        hash: TokenHash::from_bytes(row.get(7)?),
        last_seen: Arc::new(LastSeen::stored(row.get(4)?)),
    })
}

/// A new row; answers its number.
pub(super) fn insert(tx: &Transaction<'_>, record: &TenantRecord) -> Result<u64, ControlError> {
    tx.prepare_cached(
        "INSERT INTO tenants (id, display_name, created_at, disabled, quotas, token_hash,
                              token_kind, generation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        record.id.as_str(),
        record.display_name,
        record.created_at.as_millisecond(),
        record.disabled,
        json(&record.quotas)?,
        record.hash.as_bytes(),
        kind(record.token_kind),
        integer(record.generation),
    ])?;
    Ok(tx.last_insert_rowid().unsigned_abs())
}

/// Everything of a row that can change, but the time it was last seen.
pub(super) fn update(tx: &Transaction<'_>, record: &TenantRecord) -> Result<(), ControlError> {
    tx.prepare_cached(
        "UPDATE tenants SET display_name = ?2, disabled = ?3, quotas = ?4, token_hash = ?5,
                            token_kind = ?6, generation = ?7
         WHERE row = ?1",
    )?
    .execute(params![
        integer(record.row),
        record.display_name,
        record.disabled,
        json(&record.quotas)?,
        record.hash.as_bytes(),
        kind(record.token_kind),
        integer(record.generation),
    ])?;
    Ok(())
}

pub(super) fn delete(tx: &Transaction<'_>, row: u64) -> Result<(), ControlError> {
    tx.execute("DELETE FROM tenants WHERE row = ?1", [integer(row)])?;
    Ok(())
}

pub(super) fn set_last_seen(tx: &Transaction<'_>, rows: Vec<(u64, i64)>) -> Result<(), ControlError> {
    let mut statement = tx.prepare_cached("UPDATE tenants SET last_seen_at = ?2 WHERE row = ?1")?;
    for (row, at) in rows {
        statement.execute([integer(row), at])?;
    }
    Ok(())
}

/// Notes that the directory of a tenant is to be moved aside and wiped.
pub(super) fn begin_deletion(tx: &Transaction<'_>, id: &str, aside: &str) -> Result<(), ControlError> {
    tx.execute("INSERT INTO tenant_deletions (aside, id) VALUES (?1, ?2)", [aside, id])?;
    Ok(())
}

pub(super) fn end_deletion(tx: &Transaction<'_>, aside: &str) -> Result<(), ControlError> {
    tx.execute("DELETE FROM tenant_deletions WHERE aside = ?1", [aside])?;
    Ok(())
}

/// Deletions that were not ended: the tenant's id and the name aside.
pub(super) fn deletions(db: &Connection) -> Result<Vec<(String, String)>, ControlError> {
    let mut statement = db.prepare("SELECT id, aside FROM tenant_deletions")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A registry that never had a tenant does not belong to a home that has some.
pub(super) fn refuse_new_beside_tenants(db: &ControlDb, tenants: &Directory) -> Result<(), RegistryError> {
    let had_tenants = db.read_blocking(|db| {
        if !is_there(db)? {
            return Ok(false);
        }
        let sql = "SELECT count(*) FROM sqlite_sequence WHERE name = 'tenants'";
        Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
    })?;
    if had_tenants {
        return Ok(());
    }
    let entries = tenants.list(&TenantPath::root(), None, usize::MAX).map_err(RegistryError::Directory)?;
    for id in entries.iter().filter_map(|entry| entry.name.parse().ok()) {
        if holds_files(tenants, &id).map_err(RegistryError::Directory)? {
            return Err(RegistryError::Lost(id));
        }
    }
    Ok(())
}

/// Whether a directory of that id is there with anything but directories in it.
pub(super) fn holds_files(tenants: &Directory, id: &TenantId) -> Result<bool, DirectoryError> {
    match tenants.existing_subdirectory(&crate::home::fixed(id.as_str())) {
        Ok(directory) => directory.holds_files(),
        Err(DirectoryError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn json(quotas: &Quotas) -> Result<String, ControlError> {
    serde_json::to_string(quotas).map_err(ControlError::rejected)
}

fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Minted => "minted",
        TokenKind::Imported => "imported",
    }
}

/// Rows and generations count up from 1: never near the end of an i64.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
