//! Copies of a database, kept beside it: made before another version of the component converts what
//! is in it, and put back where that fails or the version is rolled back.
//!
//! A copy is a whole database file. It is put back by being renamed, so that it is there or in force
//! and never half of both. The caller sees to it that nobody writes meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::open::make;
use crate::slot::State;
use crate::{Database, Error, Result};

impl Database {
    /// The bytes that a copy takes; none where there is no database.
    pub async fn copy_bytes(&self) -> Result<Option<u64>> {
        self.with_state(|this, state| match this.store.open(&this.slot, state, &*this.place, false)? {
            None => Ok(None),
            Some(session) => session.content_bytes().map(Some).map_err(|error| session.error(&error)),
        })
        .await
    }

    /// Keeps a copy under a number, in the place of one that was there; false where there is no database.
    pub async fn keep_copy(&self, number: u64) -> Result<bool> {
        self.with_state(move |this, state| {
            let place = (this.place)()?;
            let path = place.path().map_err(io)?;
            let copy = copy_path(&path, number);
            remove(&copy)?;
            let Some(session) = this.store.open(&this.slot, state, &*this.place, false)? else { return Ok(false) };
            make(&copy).map_err(io)?;
            session.copy_to(&copy).map_err(|error| session.error(&error))?;
            sync(&copy, OFlags::RDONLY)?;
            sync_directory(&path)?;
            Ok(true)
        })
        .await
    }

    /// Puts a copy in the place of the database; false where there is no such copy, and nothing is changed.
    #[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
    pub async fn restore_copy(&self, number: u64) -> Result<bool> {
        self.with_state(move |this, state| {
            let place = (this.place)()?;
            let path = place.path().map_err(io)?;
            let copy = copy_path(&path, number);
            if let Err(error) = rustix::fs::lstat(&copy) {
                return if error == Errno::NOENT { Ok(false) } else { Err(io(error)) };
            }
            this.store.close(&this.slot, state);
            // A WAL that stayed would be read into the copy.
            remove_logs(&path)?;
            rustix::fs::rename(&copy, &path).map_err(io)?;
            sync_directory(&path)?;
            Ok(true)
        })
        .await
    }

    /// Removes the database: there was none before it.
    pub async fn remove(&self) -> Result<()> {
        self.with_state(|this, state| {
            let place = (this.place)()?;
            let path = place.path().map_err(io)?;
            this.store.close(&this.slot, state);
            // The file goes last: a WAL without one would be taken for the sign of a loss.
            remove_logs(&path)?;
            remove(&path)?;
            sync_directory(&path)
        })
        .await
    }

    /// Removes a copy, where it is there.
    pub async fn forget_copy(&self, number: u64) -> Result<()> {
        self.with_state(move |this, _| {
            let place = (this.place)()?;
            remove(&copy_path(&place.path().map_err(io)?, number))
        })
        .await
    }

    /// Runs work that blocks while nobody else has the connection.
    async fn with_state<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut guard = Arc::clone(&self.slot.state).lock_owned().await;
        self.slot.touch(self.store.now());
        let this = self.clone();
        let work = move || {
            this.store.refuse_held(&this.slot.id.tenant)?;
            work(&this, &mut guard)
        };
        self.store.pool.run(&self.slot.share, work).await?
    }
}

fn copy_path(database: &Path, number: u64) -> PathBuf {
    beside(database, &format!(".before-{number}"))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn remove_logs(database: &Path) -> Result<()> {
    ["-wal", "-shm", "-journal"].into_iter().try_for_each(|suffix| remove(&beside(database, suffix)))
}

fn remove(path: &Path) -> Result<()> {
    match rustix::fs::unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(io(error)),
    }
}

fn sync_directory(database: &Path) -> Result<()> {
    database.parent().map_or(Ok(()), |directory| sync(directory, OFlags::RDONLY | OFlags::DIRECTORY))
}

#[allow(clippy::disallowed_methods, reason = "beneath a handle that host/tenancy gave out")]
fn sync(path: &Path, flags: OFlags) -> Result<()> {
    let file = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(io)?;
    rustix::fs::fsync(file).map_err(io)
}

fn io(error: impl std::fmt::Display) -> Error {
    Error::Io { reason: error.to_string() }
}
