//! Vectors under the names of what they were made from, so that the same text is embedded once.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::Kept;
use crate::database::bytes_of;
use crate::limits::KEPT;

pub(crate) fn recall(connection: &Connection, keys: &[String]) -> rusqlite::Result<Vec<Option<Vec<f32>>>> {
    let mut statement = connection.prepare_cached("SELECT vector FROM kept WHERE key = ?1")?;
    let mut recall = |key: &String| {
        let bytes: Option<Vec<u8>> = statement.query_row([key], |row| row.get(0)).optional()?;
        Ok(bytes.map(|bytes| numbers_of(&bytes)))
    };
    keys.iter().map(&mut recall).collect()
}

/// Each gets a number above all others, and those that are too far below the highest go.
pub(crate) fn keep(transaction: &Transaction<'_>, vectors: &[Kept]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO kept (number, key, vector)
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM kept), ?1, ?2)",
    )?;
    for Kept { key, vector } in vectors {
        insert.execute(params![key, bytes_of(vector)])?;
    }
    transaction
        .prepare_cached("DELETE FROM kept WHERE number <= (SELECT max(number) FROM kept) - ?1")?
        .execute([KEPT.cast_signed()])
        .map(drop)
}

fn numbers_of(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}
