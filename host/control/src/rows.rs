//! Rows as their owner understands them.

use rusqlite::{Connection, Row};

use crate::ControlError;

/// Every row that a query of `table` finds. `read` says what it cannot read.
///
/// # Errors
/// The first row that cannot be read: none is left out silently.
pub fn rows<T>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    read: impl Fn(&Row<'_>) -> Result<T, String>,
) -> Result<Vec<T>, ControlError> {
    let mut statement = db.prepare(sql)?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read(row).map_err(|reason| ControlError::UnreadableRow { table, reason })?);
    }
    Ok(rows)
}
