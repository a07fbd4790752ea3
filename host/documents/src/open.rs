//! Opening a database file by the handle of its directory, so that no name that is swapped leads elsewhere.

use std::path::Path;

use openclaw_tenancy::DatabasePlace;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::damage::is_lost_beside_wal;

/// Why a file was not opened. No message names a path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Only its WAL is left.
    #[error("its file was removed or emptied, and its -wal was not")]
    Lost,
    #[error("{0}")]
    Io(String),
    #[error("SQLite: {}", crate::damage::reason(.0))]
    Sqlite(rusqlite::Error),
}

/// Opens the file; none where there is none and `create` is not set. The place must outlive the connection: its
/// handle is the path. Blocks.
#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
pub fn connect(place: &DatabasePlace, create: bool) -> Result<Option<Connection>, OpenError> {
    let path = place.path().map_err(|error| OpenError::Io(error.to_string()))?;
    if is_lost(&path)? {
        return Err(OpenError::Lost);
    }
    if size(&path)?.is_none() {
        if !create {
            return Ok(None);
        }
        make(&path).map_err(|error| OpenError::Io(error.to_string()))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(OpenError::Sqlite)?;
    refuse_links(&connection, &path)?;
    Ok(Some(connection))
}

/// Makes an empty file, which is to SQLite as good as none. It and what SQLite keeps beside it are the gateway's alone:
/// those get its mode.
#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
pub(crate) fn make(path: &Path) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map(drop)
}

pub(crate) fn is_lost(database: &Path) -> Result<bool, OpenError> {
    let mut wal = database.as_os_str().to_owned();
    wal.push("-wal");
    Ok(is_lost_beside_wal(size(database)?, size(Path::new(&wal))?))
}

/// The bytes of a file; none where there is none.
#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
fn size(path: &Path) -> Result<Option<u64>, OpenError> {
    match rustix::fs::lstat(path) {
        Ok(stat) => Ok(Some(u64::try_from(stat.st_size).unwrap_or_default())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(OpenError::Io(error.to_string())),
    }
}

/// SQLite resolves links when it opens a path (and no later): the file that it found must be in the
/// directory it was given, or a link was put in between.
#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
pub(crate) fn refuse_links(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let opened = connection.path().map(Path::new);
    let directory = path.parent().and_then(|directory| rustix::fs::readlink(directory, Vec::new()).ok());
    let expected = directory.as_ref().and_then(|directory| directory.to_str().ok());
    match (opened.and_then(Path::parent), expected) {
        (Some(opened), Some(expected)) if opened == Path::new(expected) => Ok(()),
        _ => Err(OpenError::Io("the file was reached through a link".to_owned())),
    }
}
