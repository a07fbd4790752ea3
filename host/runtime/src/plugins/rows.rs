//! The installed components' rows in `control.db`: what is bound where, with
//! which grants. The bytes are files (`bytes.rs`).

use std::collections::HashSet;

use openclaw_control::{ControlDb, ControlError};
use openclaw_tenancy::Family;
use rusqlite::{Row as SqlRow, Transaction, params};

use crate::{binding::BindingScope, digest::Digest};

const STEPS: &[&str] = &[
    "
CREATE TABLE components (
    scope          TEXT NOT NULL,
    family         TEXT NOT NULL,
    digest         TEXT NOT NULL,
    tenant_row     INTEGER,
    version        TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('active', 'canary', 'previous', 'failed')),
    sequence       INTEGER NOT NULL,
    grants         TEXT,
    canary_percent INTEGER,
    PRIMARY KEY (scope, family, digest)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE withdrawn_versions (sequence INTEGER PRIMARY KEY) STRICT;
",
];

/// What a stored version does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes the calls.
    Active,
    /// It takes some of them.
    Canary,
    /// It stands by.
    Previous,
    /// It was rolled back for failing.
    Failed,
}

impl State {
    /// The wire name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Canary => "canary",
            Self::Previous => "previous",
            Self::Failed => "failed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Active, Self::Canary, Self::Previous, Self::Failed].into_iter().find(|state| state.name() == name)
    }
}

/// One stored version.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose binding.
    pub scope: BindingScope,
    /// The family.
    pub family: Family,
    /// Its bytes.
    pub digest: Digest,
    /// Of the manifest.
    pub version: String,
    /// What it does.
    pub state: State,
    /// Grows with each version that becomes active or a canary, over all scopes and families.
    pub sequence: u64,
    /// As they were given; none: whatever `components.grants` says.
    pub grants: Option<Vec<String>>,
    /// The share of calls of a canary.
    pub canary_percent: Option<u8>,
    /// The registry's row of the tenant: one made anew under the same name is another.
    pub tenant_row: Option<u64>,
}

pub(super) fn migrate(db: &ControlDb) -> Result<(), ControlError> {
    db.migrate("components", STEPS)
}

/// Every row. One that cannot be read is an error: nothing is forgotten silently.
pub(super) fn load(db: &ControlDb) -> Result<Vec<Row>, ControlError> {
    let sql = "SELECT scope, family, digest, tenant_row, version, state, sequence, grants, canary_percent
               FROM components ORDER BY scope, family, sequence DESC";
    db.read_blocking(|db| openclaw_control::rows(db, "components", sql, read))
}

#[allow(clippy::disallowed_methods, reason = "a row of control.db, into a list of texts")]
fn read(row: &SqlRow<'_>) -> Result<Row, String> {
    let text = |index: usize| row.get::<_, String>(index).map_err(|error| error.to_string());
    let number = |index: usize| row.get::<_, Option<i64>>(index).map_err(|error| error.to_string());
    let whole = |value: i64| u64::try_from(value).map_err(|error| error.to_string());
    let state = text(5)?;
    let grants: Option<String> = row.get(7).map_err(|error| error.to_string())?;
    Ok(Row {
        scope: text(0)?.parse()?,
        family: text(1)?.parse().map_err(|error: openclaw_tenancy::FamilyError| error.to_string())?,
        digest: text(2)?.parse().map_err(|error: crate::DigestError| error.to_string())?,
        tenant_row: number(3)?.map(whole).transpose()?,
        version: text(4)?,
        state: State::named(&state).ok_or(state)?,
        sequence: number(6)?.map(whole).transpose()?.unwrap_or_default(),
        grants: grants.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| error.to_string())?,
        canary_percent: number(8)?.map(u8::try_from).transpose().map_err(|error| error.to_string())?,
    })
}

/// Forgets which versions were rolled back, but for those in whose form some tenant's documents are (`migrations`).
/// No conversion may be under way, whose form is not written down yet.
pub(super) async fn prune_withdrawn(db: &ControlDb) -> Result<(), ControlError> {
    db.write(|tx| {
        let unneeded = "DELETE FROM withdrawn_versions WHERE sequence NOT IN (SELECT sequence FROM document_forms)";
        tx.execute(unneeded, [])?;
        Ok(())
    })
    .await
}

/// The sequences of the versions that were rolled back.
pub(super) fn withdrawn(db: &ControlDb) -> Result<HashSet<u64>, ControlError> {
    db.read_blocking(|db| {
        let mut statement = db.prepare("SELECT sequence FROM withdrawn_versions")?;
        let found = statement.query_map([], |row| row.get::<_, i64>(0))?;
        Ok(found.map(|sequence| sequence.map(i64::cast_unsigned)).collect::<Result<_, _>>()?)
    })
}

/// Puts these rows in the place of all that one scope has of one family, and remembers those that were rolled back.
pub(super) async fn replace(
    db: &ControlDb,
    scope: BindingScope,
    family: Family,
    rows: Vec<Row>,
    withdrawn: Vec<u64>,
) -> Result<(), ControlError> {
    db.write(move |tx| {
        for sequence in withdrawn {
            tx.prepare_cached("INSERT OR IGNORE INTO withdrawn_versions VALUES (?1)")?
                .execute(params![sequence.cast_signed()])?;
        }
        tx.prepare_cached("DELETE FROM components WHERE scope = ?1 AND family = ?2")?
            .execute(params![scope.to_string(), family.as_str()])?;
        rows.iter().try_for_each(|row| insert(tx, row))
    })
    .await
}

fn insert(tx: &Transaction<'_>, row: &Row) -> Result<(), ControlError> {
    let grants = row.grants.as_ref().map(|grants| serde_json::Value::from(grants.clone()).to_string());
    tx.prepare_cached(
        "INSERT INTO components (scope, family, digest, tenant_row, version, state, sequence, grants, canary_percent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        row.scope.to_string(),
        row.family.as_str(),
        row.digest.hex(),
        row.tenant_row.map(u64::cast_signed),
        row.version,
        row.state.name(),
        row.sequence.cast_signed(),
        grants,
        row.canary_percent,
    ])?;
    Ok(())
}

/// Removes everything of one scope.
pub(super) async fn forget(db: &ControlDb, scope: &BindingScope) -> Result<(), ControlError> {
    let scope = scope.to_string();
    db.write(move |tx| {
        tx.execute("DELETE FROM components WHERE scope = ?1", params![scope])?;
        Ok(())
    })
    .await
}
