//! One file of a memory: from its text to its items, and out of the index again.

use crate::chunk::{Chunk, chunks};
use crate::files::Row;
use crate::memory::{Embedded, Memory, hash};
use crate::sources::Found;
use openclaw_sdk::vectors::{Index, Item};
use openclaw_sdk::{Result, now_ms};
use serde::{Deserialize, Serialize};

/// Chunks that are embedded and written at once.
const BATCH: usize = 64;

/// Ids that are removed at once.
const REMOVED: usize = 1_000;

/// Where a chunk is from, kept with its item.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) source: crate::files::Source,
    pub(crate) start_line: u32,
    pub(crate) end_line: u32,
}

/// Puts a file's text into the index, in the place of what was there. `known` is its row, where it has one.
pub(crate) fn write(
    memory: &Memory<'_>,
    index: &Index,
    file: &Found,
    known: Option<&Row>,
    text: &str,
) -> Result<(Row, Embedded)> {
    let chunks = chunks(text);
    let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let had = known.map_or(0, |row| row.chunks);
    let begun = row(file, String::new(), count.max(had));
    memory.files.put(&file.path, &begun)?;
    let mut embedded = Embedded::default();
    for (batch, first) in chunks.chunks(BATCH).zip((0..).step_by(BATCH)) {
        let texts: Vec<&str> = batch.iter().map(|chunk| chunk.text.as_str()).collect();
        let (vectors, made) = memory.vectors(index, &texts)?;
        embedded += made;
        let items =
            batch.iter().zip(vectors).zip(first..).map(|((chunk, vector), number)| item(file, chunk, vector, number));
        index.upsert(&items.collect::<Result<Vec<_>>>()?)?;
    }
    delete(index, &file.path, count..had)?;
    let row = row(file, hash(text.as_bytes()), count);
    memory.files.put(&file.path, &row)?;
    Ok((row, embedded))
}

/// Takes a file out of the index; the row goes last.
pub(crate) fn remove(memory: &Memory<'_>, index: &Index, path: &str, row: &Row) -> Result<()> {
    delete(index, path, 0..row.chunks)?;
    memory.files.remove(path)
}

fn delete(index: &Index, path: &str, numbers: std::ops::Range<u32>) -> Result<()> {
    let ids: Vec<String> = numbers.map(|number| id(path, number)).collect();
    ids.chunks(REMOVED).try_for_each(|ids| index.delete(ids).map(drop))
}

fn row(file: &Found, hash: String, chunks: u32) -> Row {
    Row {
        source: file.source,
        origin: file.origin,
        size: file.size,
        modified_ms: file.modified_ms,
        seen_ms: now_ms(),
        hash,
        chunks,
    }
}

fn item(file: &Found, chunk: &Chunk, vector: Vec<f32>, number: u32) -> Result<Item> {
    let place =
        Place { path: file.path.clone(), source: file.source, start_line: chunk.start_line, end_line: chunk.end_line };
    let attributes = serde_json::to_vec(&place)?;
    Ok(Item { id: id(&file.path, number), vector, text: chunk.text.clone(), attributes })
}

/// A path holds no control character, so the number is the last part of an id and of no other.
fn id(path: &str, number: u32) -> String {
    format!("{path}\u{1}{number}")
}
