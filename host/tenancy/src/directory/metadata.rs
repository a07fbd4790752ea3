//! What a file is, taken from a handle.

use rustix::fs::{FileType, Stat};

use super::DirectoryError;

/// The two kinds of file that exist for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    File,
    Directory,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    pub kind: FileKind,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Milliseconds since 1970, UTC.
    pub modified_ms: i64,
    pub identity: FileIdentity,
}

/// Changes whenever the content of a name may have changed: a cached parse of
/// the file holds as long as this is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    pub dev: u64,
    pub ino: u64,
    pub size: u64,
    pub mtime_ns: i128,
    pub ctime_ns: i128,
}

impl Metadata {
    pub(super) fn of(stat: &Stat) -> Result<Self, DirectoryError> {
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let (kind, size) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => (FileKind::File, size),
            FileType::Directory => (FileKind::Directory, 0),
            _ => return Err(DirectoryError::NotRegular),
        };
        let nanoseconds = |seconds: i64, rest: u64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let mtime_ns = nanoseconds(stat.st_mtime, stat.st_mtime_nsec);
        Ok(Self {
            kind,
            size,
            modified_ms: i64::try_from(mtime_ns.div_euclid(1_000_000)).unwrap_or_default(),
            identity: FileIdentity {
                dev: stat.st_dev,
                ino: stat.st_ino,
                size,
                mtime_ns,
                ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            },
        })
    }
}
