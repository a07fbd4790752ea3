//! Identity of the file and the versions of each component's tables.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::ControlError;

/// `application_id` of a control database: "OCMU".
const IDENTITY: i32 = 0x4F43_4D55;

/// Makes an empty file a control database, in WAL mode.
pub(crate) fn create(db: &Connection) -> Result<(), ControlError> {
    db.pragma_update(None, "application_id", IDENTITY)?;
    db.execute_batch(
        "CREATE TABLE schema_versions (
             component TEXT PRIMARY KEY,
             version   INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;",
    )?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    Ok(())
}

/// Reads the schema, which fails on a damaged file, and checks whose it is.
pub(crate) fn check_identity(db: &Connection) -> Result<(), ControlError> {
    let found: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_versions'", [], |row| row.get(0))?;
    if found == IDENTITY && tables == 1 {
        return Ok(());
    }
    let foreign = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    let reason = format!("application id {found:#x}, expected {IDENTITY:#x}");
    Err(rusqlite::Error::SqliteFailure(foreign, Some(reason)).into())
}

/// How many steps of `component` the file has behind it.
pub(crate) fn version(db: &Connection, component: &'static str, known: u32) -> Result<u32, ControlError> {
    let found: Option<u32> = db
        .query_row("SELECT version FROM schema_versions WHERE component = ?1", [component], |row| row.get(0))
        .optional()?;
    match found.unwrap_or(0) {
        found if found > known => Err(ControlError::NewerSchema { component, found, known }),
        found => Ok(found),
    }
}

/// Runs the steps after `from` and records the new version.
pub(crate) fn apply(
    tx: &Transaction<'_>,
    component: &'static str,
    from: u32,
    known: u32,
    steps: &[String],
) -> Result<(), ControlError> {
    for step in steps.iter().skip(from as usize) {
        tx.execute_batch(step)?;
    }
    tx.execute(
        "INSERT INTO schema_versions (component, version) VALUES (?1, ?2)
         ON CONFLICT (component) DO UPDATE SET version = excluded.version",
        params![component, known],
    )?;
    Ok(())
}
