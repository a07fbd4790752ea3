//! Looking at a database beside whoever works on it: without a lock, without a trace.
//!
//! SQLite is told that nobody changes the file. So what seems damaged is looked at again where the
//! file did change, and on a copy with the WAL, where there is one that was not written back.

use std::io::Write;
use std::path::Path;

use openclaw_tenancy::{DatabasePlace, FileIdentity, TenantPath};
use rusqlite::{Connection, OpenFlags};

use crate::connection::FORMAT;
use crate::damage::{LOST, is_lost_beside_wal, reason};
use crate::open::refuse_links;
use crate::{Error, Result};

/// How often a file that changes meanwhile is looked at.
const LOOKS: usize = 4;
const PIECE: u32 = 1 << 20;

/// What is wrong with a family's database; none where nothing is. Else as [`quick_check_of`].
///
/// # Errors
/// As of [`quick_check_of`].
pub fn quick_check(place: &DatabasePlace) -> Result<Option<String>> {
    quick_check_of(place, FORMAT)
}

/// What is wrong with a file that says its format as a family's database does, as SQLite's quick check says, or that it
/// has another one; none where nothing is. Blocks, and reads the whole file.
///
/// # Errors
/// `Busy` where it is being written all the time, `Io` where it cannot be read.
pub fn quick_check_of(place: &DatabasePlace, known: i64) -> Result<Option<String>> {
    for _ in 0..LOOKS {
        let before = State::of(place)?;
        if before.is_lost() {
            return Ok(Some(LOST.to_owned()));
        }
        let Some(damage) = look(place, known, before.has_wal())? else { return Ok(None) };
        if State::of(place)? == before {
            return Ok(Some(damage));
        }
    }
    Err(Error::Busy)
}

/// The database and its WAL, as they are at one moment.
#[derive(PartialEq, Eq)]
struct State([Option<FileIdentity>; 2]);

impl State {
    fn of(place: &DatabasePlace) -> Result<Self> {
        let identity = |name: &str| {
            let metadata = place.directory.metadata(&path(name)?).map_err(unreadable)?;
            Ok(metadata.map(|metadata| metadata.identity))
        };
        Ok(Self([identity(&place.name)?, identity(&wal(&place.name))?]))
    }

    fn has_wal(&self) -> bool {
        self.0[1].is_some_and(|identity| identity.size > 0)
    }

    fn is_lost(&self) -> bool {
        let [database, wal] = self.0.map(|identity| identity.map(|identity| identity.size));
        is_lost_beside_wal(database, wal)
    }
}

#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
fn look(place: &DatabasePlace, known: i64, has_wal: bool) -> Result<Option<String>> {
    let file = place.path().map_err(unreadable)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{}?immutable=1", file.display()), flags)
        .map_err(|error| Error::Io { reason: reason(&error) })?;
    refuse_links(&connection, &file).map_err(unreadable)?;
    let damage = damage(&connection, known);
    if damage.is_none() || !has_wal { Ok(damage) } else { look_with_wal(place, known) }
}

#[allow(clippy::disallowed_methods, reason = "a copy in a directory of our own")]
fn look_with_wal(place: &DatabasePlace, known: i64) -> Result<Option<String>> {
    let copy = tempfile::tempdir().map_err(unreadable)?;
    for name in [place.name.as_str(), &wal(&place.name)] {
        copy_file(place, name, &copy.path().join(name))?;
    }
    let connection = Connection::open(copy.path().join(&place.name)).map_err(unreadable)?;
    Ok(damage(&connection, known))
}

fn copy_file(place: &DatabasePlace, name: &str, to: &Path) -> Result<()> {
    #[allow(clippy::disallowed_methods, reason = "a copy in a directory of our own")]
    let mut copy = std::fs::File::create(to).map_err(unreadable)?;
    let name = path(name)?;
    let mut offset = 0;
    loop {
        let piece = place.directory.read(&name, offset, PIECE).map_err(unreadable)?;
        copy.write_all(&piece).map_err(unreadable)?;
        offset += piece.len() as u64;
        if piece.len() < PIECE as usize {
            return Ok(());
        }
    }
}

fn damage(connection: &Connection, known: i64) -> Option<String> {
    let found = || -> rusqlite::Result<Option<String>> {
        connection.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;")?;
        let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if first != "ok" {
            return Ok(Some(first.lines().last().unwrap_or_default().to_owned()));
        }
        let tables: i64 = connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            return Ok(None);
        }
        let sql = "SELECT value FROM meta WHERE name = 'format'";
        let format: i64 = connection.query_one(sql, [], |row| row.get(0))?;
        Ok((format != known).then(|| format!("it has the format {format}, this release knows {known}")))
    };
    found().unwrap_or_else(|error| Some(reason(&error)))
}

fn wal(name: &str) -> String {
    format!("{name}-wal")
}

fn path(name: &str) -> Result<TenantPath> {
    name.parse().map_err(|error: openclaw_tenancy::PathError| unreadable(error))
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Io { reason: error.to_string() }
}
