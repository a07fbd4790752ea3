//! The registry's tables in `control.db`.

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use openclaw_control::{ControlDb, ControlError, Durability};
use rusqlite::{Connection, Row, Transaction, params};

use super::{Deletion, Stored, TenantStore};
use crate::registry::record::LastSeen;
use crate::registry::{RegistryError, TenantRecord};
use crate::{Quotas, TokenHash, TokenKind};

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

/// The registry in `control.db`.
pub(in crate::registry) struct SqliteTenants(ControlDb);

impl SqliteTenants {
    /// Brings the tables up to date.
    pub(in crate::registry) fn open(db: ControlDb) -> Result<Self, ControlError> {
        db.migrate("tenancy", STEPS)?;
        Ok(Self(db))
    }

    /// Takes the tables as they are; none where no gateway was ever opened on the database.
    pub(in crate::registry) fn existing(db: &ControlDb) -> Result<Option<Self>, ControlError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'tenants'";
        let tables: i64 = db.read_blocking(|db| Ok(db.query_row(sql, [], |row| row.get(0))?))?;
        Ok((tables > 0).then(|| Self(db.clone())))
    }
}

impl TenantStore for SqliteTenants {
    fn load(&self) -> Result<Vec<TenantRecord>, RegistryError> {
        self.0.read_blocking(records).map_err(|error| error.rejection().unwrap_or_else(RegistryError::Control))
    }

    fn had_tenants(&self) -> Result<bool, ControlError> {
        let sql = "SELECT count(*) FROM sqlite_sequence WHERE name = 'tenants'";
        self.0.read_blocking(|db| Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0))
    }

    fn deletions(&self) -> Result<Vec<Deletion>, ControlError> {
        self.0.read_blocking(|db| {
            let mut statement = db.prepare("SELECT id, aside FROM tenant_deletions")?;
            let rows = statement.query_map([], |row| Ok(Deletion { tenant: row.get(0)?, aside: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }

    fn insert(&self, record: TenantRecord) -> Stored<'_, u64> {
        Box::pin(self.0.write(move |tx| insert(tx, &record)))
    }

    fn update(&self, record: Arc<TenantRecord>) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| update(tx, &record)))
    }

    fn set_last_seen(&self, rows: Vec<(u64, i64)>) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| set_last_seen(tx, rows)))
    }

    fn delete(&self, row: u64, deletion: Option<Deletion>) -> Stored<'_, ()> {
        Box::pin(self.0.erase(move |tx| {
            tx.execute("DELETE FROM tenants WHERE row = ?1", [integer(row)])?;
            if let Some(Deletion { tenant, aside }) = deletion {
                tx.execute("INSERT INTO tenant_deletions (aside, id) VALUES (?1, ?2)", [aside, tenant])?;
            }
            Ok(())
        }))
    }

    fn end_deletion(&self, aside: String) -> Stored<'_, ()> {
        Box::pin(self.0.write(move |tx| end_deletion(tx, &aside)))
    }

    fn end_deletion_blocking(&self, aside: String) -> Result<(), ControlError> {
        self.0.write_blocking(move |tx| end_deletion(tx, &aside))
    }
}

fn records(db: &Connection) -> Result<Vec<TenantRecord>, ControlError> {
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
        records.push(record);
    }
    Ok(records)
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
fn insert(tx: &Transaction<'_>, record: &TenantRecord) -> Result<u64, ControlError> {
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
fn update(tx: &Transaction<'_>, record: &TenantRecord) -> Result<(), ControlError> {
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

fn set_last_seen(tx: &Transaction<'_>, rows: Vec<(u64, i64)>) -> Result<(), ControlError> {
    let mut statement = tx.prepare_cached("UPDATE tenants SET last_seen_at = ?2 WHERE row = ?1")?;
    for (row, at) in rows {
        statement.execute([integer(row), at])?;
    }
    Ok(())
}

fn end_deletion(tx: &Transaction<'_>, aside: &str) -> Result<(), ControlError> {
    tx.execute("DELETE FROM tenant_deletions WHERE aside = ?1", [aside])?;
    Ok(())
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
