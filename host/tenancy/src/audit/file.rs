//! The file under the log's name, and whether it is still the one that was written last.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use serde::Serialize;

use crate::Directory;

const NAME: &str = "audit.jsonl";
const TORN: &str = "audit.jsonl.torn";

/// What became of the file behind the writer's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Loss {
    /// It was not there at the start, though there were tenants.
    Missing,
    Removed,
    /// Another file has its name.
    Replaced,
    /// Somebody wrote to it, or cut it off.
    Altered,
}

/// The open log.
#[derive(Debug)]
pub(super) struct LogFile {
    directory: Directory,
    file: Arc<File>,
    /// What the writer left in it.
    length: u64,
}

impl LogFile {
    /// Whether there is a log.
    pub(super) fn is_there(directory: &Directory) -> std::io::Result<bool> {
        match rustix::fs::statat(directory, NAME, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(false),
            stat => Ok(stat.map(|_| true)?),
        }
    }

    /// Opens the log (mode 0600); makes it where it is missing.
    pub(super) fn open(directory: Directory) -> std::io::Result<Self> {
        let file = open(&directory, NAME)?;
        let length = file.metadata()?.len();
        Ok(Self { directory, file: Arc::new(file), length })
    }

    /// The file, for reading and syncing.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Takes the last `bytes` off, to a file of their own.
    pub(super) fn set_aside(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut aside = open(&self.directory, TORN)?;
        aside.write_all(bytes)?;
        aside.write_all(b"\n")?;
        aside.sync_all()?;
        self.length -= bytes.len() as u64;
        self.file.set_len(self.length)
    }

    /// What became of the file since it was written last.
    pub(super) fn loss(&self) -> std::io::Result<Option<Loss>> {
        let held = rustix::fs::fstat(&*self.file)?;
        let named = match rustix::fs::statat(&self.directory, NAME, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Some(Loss::Removed)),
            stat => stat?,
        };
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino) {
            return Ok(Some(Loss::Replaced));
        }
        Ok((u64::try_from(held.st_size) != Ok(self.length)).then_some(Loss::Altered))
    }

    /// Begins a new file. What has the name meanwhile keeps every byte under another, which is answered.
    pub(super) fn begin_anew(&mut self) -> std::io::Result<Option<String>> {
        self.file.sync_all()?;
        let aside = format!("{NAME}.replaced-{}", Timestamp::now().as_microsecond());
        let moved = rustix::fs::renameat_with(&self.directory, NAME, &self.directory, &aside, RenameFlags::NOREPLACE);
        let aside = match moved {
            Err(Errno::NOENT) => None,
            moved => moved.map(|()| Some(aside))?,
        };
        self.file = Arc::new(open(&self.directory, NAME)?);
        self.length = self.file.metadata()?.len();
        rustix::fs::fsync(&self.directory)?;
        Ok(aside)
    }

    /// Appends a line; whole, or not at all.
    pub(super) fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        if let Err(error) = (&*self.file).write_all(line) {
            // Half a line would break the chain for those that follow.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

fn open(directory: &Directory, name: &str) -> std::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let file = File::from(rustix::fs::openat(directory, name, flags, mode)?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok(file)
}
