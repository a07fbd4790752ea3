//! One open file: the items, their words in FTS5, their vectors in `vec0`, and vectors that are kept for later.
//!
//! As the documents' databases it is used by this process alone (`locking_mode=EXCLUSIVE`) and never memory-mapped.
//! What is deleted makes the file smaller, since nobody else would come to use the room. Its pages are large, since a
//! search reads all vectors by as many calls of the kernel as they take pages: one of 16 KiB takes little more than one
//! of 4. A file that was made with small ones keeps them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use openclaw_documents::connect;
use openclaw_tenancy::DatabasePlace;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::index::Watch;
use crate::limits::most_items;
use crate::{Error, Item, Result, extension};

const FORMAT: i64 = 1;

/// Vectors that `vec0` sets room aside for at once; its own 1,024 are megabytes for an agent that remembers a line.
const CHUNK: usize = 256;

/// Steps of SQLite's machine between two looks at whoever watches; one chunk of vectors takes a few.
const STEPS_A_LOOK: i32 = 32;

/// What is wrong with an index's file; none where nothing is. Blocks, and reads all of it.
///
/// # Errors
/// As of [`openclaw_documents::quick_check_of`].
pub fn quick_check(place: &DatabasePlace) -> openclaw_documents::Result<Option<String>> {
    openclaw_documents::quick_check_of(place, FORMAT)
}

pub(crate) struct Database {
    connection: Connection,
    /// The handle that the connection's path leads through.
    _place: DatabasePlace,
    name: String,
    dimensions: usize,
    items: u64,
}

impl Database {
    /// Opens the file; none where there is none and `create` is not set. A new one is made for so many dimensions.
    pub(crate) fn open(place: DatabasePlace, name: &str, dimensions: usize, create: bool) -> Result<Option<Self>> {
        let Some(connection) = connect(&place, create).map_err(|error| Error::of_opening(error, name))? else {
            return Ok(None);
        };
        let mut database = Self { connection, _place: place, name: name.to_owned(), dimensions, items: 0 };
        match database.prepare() {
            Ok(()) => Ok(Some(database)),
            Err(error) => Err(database.error(&error)),
        }
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        extension::add_to(&self.connection)?;
        self.connection.set_prepared_statement_cache_capacity(32);
        self.connection.execute_batch(
            "PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA locking_mode=EXCLUSIVE;
             PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY;
             PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
        )?;
        // What waits in the log is the tenant's room: 4 MiB, and what one transaction takes beyond that for a while.
        self.connection.execute_batch("PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=4194304;")?;
        let tables: i64 = self.connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            self.connection.execute_batch(&schema(self.dimensions))?;
        }
        let format = self.number("SELECT value FROM meta WHERE name = 'format'")?;
        if format != FORMAT {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, format));
        }
        let dimensions = self.number("SELECT value FROM meta WHERE name = 'dimensions'")?;
        self.dimensions =
            usize::try_from(dimensions).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, dimensions))?;
        self.items = self.number("SELECT count(*) FROM items")?.unsigned_abs();
        Ok(())
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&self.connection).map_err(|error| self.error(&error))
    }

    /// One transaction: all or nothing of it.
    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let written = self.connection.transaction().and_then(|transaction| {
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        });
        written.map_err(|error| self.error(&error))
    }

    /// Works for as long as `watch` lets it. What is given up has written nothing, or all that it was to write.
    pub(crate) fn watched<T>(&mut self, watch: Watch, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&is_stopped);
        let look = move || {
            let goes_on = (*watch.lock().unwrap_or_else(PoisonError::into_inner))();
            stops.fetch_or(!goes_on, Ordering::Relaxed);
            !goes_on
        };
        self.connection.progress_handler(STEPS_A_LOOK, Some(look)).map_err(|error| self.error(&error))?;
        let worked = work(self);
        self.connection.progress_handler(0, None::<fn() -> bool>).map_err(|error| self.error(&error))?;
        // By the flag: sqlite-vec makes an error of its own of the interruption.
        if worked.is_err() && is_stopped.load(Ordering::Relaxed) { Err(Error::Stopped) } else { worked }
    }

    pub(crate) fn upsert(&mut self, items: &[Item]) -> Result<()> {
        let most = most_items(self.dimensions);
        let room = most.saturating_sub(self.items);
        let written = self.connection.transaction().and_then(|transaction| {
            let mut added: u64 = 0;
            for item in items {
                added += u64::from(!remove(&transaction, &item.id)?);
                insert(&transaction, item)?;
            }
            let fits = added <= room;
            if fits {
                transaction.commit()?;
            }
            Ok(fits.then_some(added))
        });
        match written.map_err(|error| self.error(&error))? {
            Some(added) => self.items += added,
            None => {
                let dimensions = self.dimensions;
                return Err(Error::Invalid(format!("an index of {dimensions} dimensions has at most {most} items")));
            }
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, ids: &[String]) -> Result<u32> {
        let removed = self.write(|transaction| {
            ids.iter().try_fold(0, |removed, id| Ok(removed + u32::from(remove(transaction, id)?)))
        })?;
        self.items = self.items.saturating_sub(removed.into());
        if removed > 0 {
            self.read(shrink)?;
        }
        Ok(removed)
    }

    fn number(&self, sql: &str) -> rusqlite::Result<i64> {
        self.connection.query_one(sql, [], |row| row.get(0))
    }

    /// Maps an error; a damaged file is not written again, not even when it is closed.
    fn error(&self, error: &rusqlite::Error) -> Error {
        let mapped = Error::from_sqlite(error, &self.name);
        if matches!(mapped, Error::Damaged(_)) {
            // It fails only for a closed connection, which cannot write either.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        mapped
    }
}

fn schema(dimensions: usize) -> String {
    format!(
        "BEGIN;
         CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
         INSERT INTO meta VALUES ('format', {FORMAT}), ('dimensions', {dimensions});
         CREATE TABLE items (
             row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, attributes BLOB NOT NULL
         );
         CREATE VIRTUAL TABLE items_text USING fts5(
             text, content='items', content_rowid='row', tokenize='unicode61 remove_diacritics 2'
         );
         CREATE VIRTUAL TABLE items_vector USING vec0(
             embedding float[{dimensions}] distance_metric=cosine, chunk_size={CHUNK}
         );
         CREATE TABLE kept (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, vector BLOB NOT NULL);
         COMMIT;"
    )
}

fn insert(transaction: &Transaction<'_>, item: &Item) -> rusqlite::Result<()> {
    transaction.prepare_cached("INSERT INTO items (id, text, attributes) VALUES (?1, ?2, ?3)")?.execute(params![
        item.id,
        item.text,
        item.attributes
    ])?;
    let row = transaction.last_insert_rowid();
    transaction
        .prepare_cached("INSERT INTO items_text (rowid, text) VALUES (?1, ?2)")?
        .execute(params![row, item.text])?;
    if let Some(direction) = direction_of(&item.vector) {
        transaction
            .prepare_cached("INSERT INTO items_vector (rowid, embedding) VALUES (?1, ?2)")?
            .execute(params![row, bytes_of(&direction)])?;
    }
    Ok(())
}

/// False where there is no such item.
fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    let found: Option<(i64, String)> = transaction
        .prepare_cached("SELECT row, text FROM items WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, text)) = found else { return Ok(false) };
    transaction
        .prepare_cached("INSERT INTO items_text (items_text, rowid, text) VALUES ('delete', ?1, ?2)")?
        .execute(params![row, text])?;
    transaction.prepare_cached("DELETE FROM items_vector WHERE rowid = ?1")?.execute([row])?;
    transaction.prepare_cached("DELETE FROM items WHERE row = ?1")?.execute([row])?;
    Ok(true)
}

/// Gives the room of what was deleted back: one page a step.
fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("PRAGMA incremental_vacuum")?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

/// The vector at length one, where no cosine overflows; none for one that points nowhere.
pub(crate) fn direction_of(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    #[allow(clippy::cast_possible_truncation, reason = "at most one")]
    let scaled = |number: &f32| (f64::from(*number) / length) as f32;
    (length > 0.0).then(|| vector.iter().map(scaled).collect())
}

/// As sqlite-vec reads them.
pub(crate) fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}
