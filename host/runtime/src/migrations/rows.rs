//! The forms in `control.db`.

use openclaw_control::{ControlDb, ControlError};
use openclaw_tenancy::{Family, TenantId, TenantRecord};
use rusqlite::{Row as SqlRow, Transaction, params};

use super::{Before, Form, Stage};

const STEPS: &[&str] = &["
CREATE TABLE document_forms (
    tenant     TEXT NOT NULL,
    tenant_row INTEGER NOT NULL,
    family     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    version    TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    stage      TEXT NOT NULL CHECK (stage IN ('running', 'done', 'restoring')),
    before     TEXT NOT NULL CHECK (before IN ('nothing', 'copy', 'gone')),
    PRIMARY KEY (tenant_row, family, number)
) STRICT, WITHOUT ROWID;
"];

/// A form, and whose documents have it.
pub(super) struct Stored {
    pub(super) tenant: TenantId,
    pub(super) tenant_row: u64,
    pub(super) family: Family,
    pub(super) form: Form,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Restoring => "restoring",
        }
    }
}

impl Before {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Copy => "copy",
            Self::Gone => "gone",
        }
    }
}

pub(super) fn migrate(db: &ControlDb) -> Result<(), ControlError> {
    db.migrate("document_forms", STEPS)
}

/// Every form, the oldest of each stack first.
pub(super) fn load(db: &ControlDb) -> Result<Vec<Stored>, ControlError> {
    let sql = "SELECT tenant, tenant_row, family, number, digest, version, sequence, stage, before
               FROM document_forms ORDER BY tenant_row, family, number";
    db.read_blocking(|db| openclaw_control::rows(db, "document_forms", sql, read))
}

fn read(row: &SqlRow<'_>) -> Result<Stored, String> {
    let text = |index: usize| row.get::<_, String>(index).map_err(|error| error.to_string());
    let number = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned).map_err(|error| error.to_string());
    let (stage, before) = (text(7)?, text(8)?);
    let stage = [Stage::Running, Stage::Done, Stage::Restoring].into_iter().find(|known| known.name() == stage);
    let before = [Before::Nothing, Before::Copy, Before::Gone].into_iter().find(|known| known.name() == before);
    Ok(Stored {
        tenant: text(0)?.parse().map_err(|error: openclaw_tenancy::TenantIdError| error.to_string())?,
        tenant_row: number(1)?,
        family: text(2)?.parse().map_err(|error: openclaw_tenancy::FamilyError| error.to_string())?,
        form: Form {
            number: number(3)?,
            digest: text(4)?.parse().map_err(|error: crate::DigestError| error.to_string())?,
            version: text(5)?,
            sequence: number(6)?,
            stage: stage.ok_or("its stage")?,
            before: before.ok_or("what was before")?,
        },
    })
}

/// Puts a stack in the place of the one that was there.
pub(super) async fn replace(
    db: &ControlDb,
    tenant: &TenantRecord,
    family: &Family,
    stack: Vec<Form>,
) -> Result<(), ControlError> {
    let (tenant, row, family) = (tenant.id.clone(), tenant.row.cast_signed(), family.clone());
    db.write(move |tx| {
        tx.prepare_cached("DELETE FROM document_forms WHERE tenant_row = ?1 AND family = ?2")?
            .execute(params![row, family.as_str()])?;
        stack.iter().try_for_each(|form| insert(tx, &tenant, row, &family, form))
    })
    .await
}

fn insert(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    tenant_row: i64,
    family: &Family,
    form: &Form,
) -> Result<(), ControlError> {
    tx.prepare_cached("INSERT INTO document_forms VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
        tenant.as_str(),
        tenant_row,
        family.as_str(),
        form.number.cast_signed(),
        form.digest.hex(),
        form.version,
        form.sequence.cast_signed(),
        form.stage.name(),
        form.before.name(),
    ])?;
    Ok(())
}

/// Removes everything of a tenant.
pub(super) async fn forget(db: &ControlDb, tenant_row: u64) -> Result<(), ControlError> {
    db.write(move |tx| remove(tx, tenant_row)).await
}

pub(super) fn forget_blocking(db: &ControlDb, tenant_rows: Vec<u64>) -> Result<(), ControlError> {
    if tenant_rows.is_empty() {
        return Ok(());
    }
    db.write_blocking(move |tx| tenant_rows.iter().try_for_each(|row| remove(tx, *row)))
}

fn remove(tx: &Transaction<'_>, tenant_row: u64) -> Result<(), ControlError> {
    tx.execute("DELETE FROM document_forms WHERE tenant_row = ?1", params![tenant_row.cast_signed()])?;
    Ok(())
}
