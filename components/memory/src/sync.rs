//! What has changed since it was indexed: seen by size and time, decided by hash.

use crate::entry;
use crate::files::{Files, Row};
use crate::memory::{Embedded, Memory, hash};
use crate::sources::{self, Found};
use openclaw_sdk::vectors::Index;
use openclaw_sdk::{Result, now_ms};

/// How much text one call indexes: embedding it takes a part of the second that a call may take.
const TEXT_BYTES: usize = sources::FILE_BYTES;

/// A file that was changed this shortly before it was looked at may have changed again without showing it.
const UNSETTLED_MS: u64 = 2_000;

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) files: u32,
    pub(crate) chunks: u32,
    pub(crate) embedded: Embedded,
    /// There was more than one call takes.
    pub(crate) is_unfinished: bool,
}

/// Brings the index up to date. The caller has the claim.
pub(crate) fn sync(memory: &Memory<'_>, force: bool) -> Result<Report> {
    ready(memory, force)?;
    let index = memory.index()?;
    let rows = memory.files.all()?;
    let found = sources::all(memory, &rows)?;
    for (path, row) in &rows {
        if !found.contains_key(path) {
            entry::remove(memory, &index, path, row)?;
        }
    }
    let mut report = Report::default();
    let mut left = TEXT_BYTES;
    for (path, file) in &found {
        let known = rows.get(path);
        let row = match known.filter(|row| is_unchanged(row, file)) {
            Some(row) => Some(row.clone()),
            None => update(memory, &index, file, known, &mut left, &mut report)?,
        };
        report.files += u32::from(row.is_some());
        report.chunks += row.map_or(0, |row| row.chunks);
    }
    Ok(report)
}

/// Whether anything would be indexed.
pub(crate) fn is_dirty(memory: &Memory<'_>) -> Result<bool> {
    let rows = memory.files.all()?;
    let found = sources::all(memory, &rows)?;
    let is_known = |(path, file): (&String, &Found)| rows.get(path).is_some_and(|row| looks_the_same(row, file));
    let of_this_model = rows.is_empty() || memory.files.model()?.as_ref() == Some(&memory.model);
    Ok(!of_this_model || !found.iter().all(is_known) || !rows.keys().all(|path| found.contains_key(path)))
}

/// Whether a file looks as it was indexed.
fn looks_the_same(row: &Row, file: &Found) -> bool {
    let is_the_same = row.size == file.size && row.modified_ms == file.modified_ms && row.origin == file.origin;
    is_the_same && !row.hash.is_empty()
}

/// Whether it need not be read to know that.
fn is_unchanged(row: &Row, file: &Found) -> bool {
    looks_the_same(row, file) && row.seen_ms > file.modified_ms.saturating_add(UNSETTLED_MS)
}

/// Vectors of another model, and an index that cannot be read, are no use: the index begins anew, and with it all
/// files.
pub(crate) fn ready(memory: &Memory<'_>, force: bool) -> Result<()> {
    let is_of_this_model = memory.files.model()?.as_ref() == Some(&memory.model);
    let is_sound = || memory.index().and_then(|index| index.count()).is_ok();
    if !is_of_this_model || (force && !is_sound()) {
        memory.call.remove_vectors(&memory.agent)?;
        forget_hashes(&memory.files, true)?;
        memory.files.set_model(&memory.model)
    } else if force {
        forget_hashes(&memory.files, false)
    } else {
        Ok(())
    }
}

fn forget_hashes(files: &Files, is_empty: bool) -> Result<()> {
    for (path, row) in files.all()? {
        let chunks = if is_empty { 0 } else { row.chunks };
        files.put(&path, &Row { hash: String::new(), chunks, ..row })?;
    }
    Ok(())
}

/// One file that may have changed; none where there is nothing of it to remember, or no room in this call.
fn update(
    memory: &Memory<'_>,
    index: &Index,
    file: &Found,
    known: Option<&Row>,
    left: &mut usize,
    report: &mut Report,
) -> Result<Option<Row>> {
    let size = usize::try_from(file.size).unwrap_or(usize::MAX);
    if size > *left {
        report.is_unfinished = true;
        return Ok(known.cloned());
    }
    let Some(text) = sources::text(memory, file)? else {
        if let Some(row) = known {
            entry::remove(memory, index, &file.path, row)?;
        }
        return Ok(None);
    };
    if let Some(row) = known.filter(|row| row.hash == hash(text.as_bytes())) {
        let seen = Row {
            size: file.size,
            modified_ms: file.modified_ms,
            seen_ms: now_ms(),
            origin: file.origin,
            ..row.clone()
        };
        memory.files.put(&file.path, &seen)?;
        return Ok(Some(seen));
    }
    *left -= size;
    let (row, embedded) = entry::write(memory, index, file, known, &text)?;
    report.embedded += embedded;
    Ok(Some(row))
}
