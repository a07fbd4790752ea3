//! The log of changes (`-wal`), and how its pages get into the file.
//!
//! Most of them are copied on a thread of its own while the writer goes on. What came meanwhile is little: the writer
//! copies that itself between two transactions, so that the log is begun anew. Where the thread falls behind, the
//! writer waits for it and does the rest; only who reads an old state makes the log grow beyond that.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::ControlError;
use crate::file::{BUSY, Database};

/// Pages of the log (16 MiB) before they are copied: what is written again and again, such as counters and what is
/// open, goes into the file once.
const PAGES: u32 = 4_096;
/// So few that are not copied yet hold the writer up for a moment only.
const REST: u32 = 512;
/// Pages of the log at which the writer does not go on before they are copied.
pub(crate) const MOST: u32 = 2 * PAGES;
/// How long those who read are waited for before the log is emptied; the writes behind wait too.
const READERS_PATIENCE: Duration = Duration::from_millis(100);

/// Copies nothing.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The log as the writer has it. Dropping it ends its thread.
pub(crate) struct Log {
    database: Arc<Database>,
    /// Its pages as of the last commit.
    length: Arc<AtomicU32>,
    /// Held by who copies.
    turn: Arc<Mutex<()>>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Its pages, and how many of them are in the file.
struct Pages {
    all: u32,
    copied: u32,
}

impl Log {
    pub(crate) fn open(database: &Arc<Database>, writer: &mut Connection) -> Result<Self, ControlError> {
        let length = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&length);
        // After the pragma `wal_autocheckpoint`, which would take its place.
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            told.store(u32::try_from(pages).unwrap_or(u32::MAX), Ordering::Relaxed);
            Ok(())
        }))?;
        let turn = Arc::new(Mutex::new(()));
        let (wake, woken) = mpsc::sync_channel(1);
        let (shared, its_turn) = (Arc::clone(database), Arc::clone(&turn));
        let copy_when_woken = move || {
            // Most databases never need it.
            let mut connection = None;
            while woken.recv().is_ok() {
                if connection.is_none() {
                    connection = shared.connect().inspect_err(not_copied).ok();
                }
                if let Some(connection) = &connection {
                    let _turn = lock(&its_turn);
                    copy(connection, &shared);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("control-log".to_owned())
            .spawn(copy_when_woken)
            .map_err(|source| ControlError::Open { path: database.path.clone(), source })?;
        Ok(Self { database: Arc::clone(database), length, turn, wake: Some(wake), thread: Some(thread) })
    }

    /// To be called between two transactions, behind the answers of the first.
    pub(crate) fn keep_short(&self, writer: &Connection) {
        if self.length.load(Ordering::Relaxed) < PAGES {
            return;
        }
        let Ok(pages) = checkpoint(writer, LOOK) else { return };
        if pages.all.saturating_sub(pages.copied) <= REST || pages.all >= MOST {
            let _turn = lock(&self.turn);
            copy(writer, &self.database);
        } else if let Some(wake) = &self.wake {
            // It is full where the thread is about to.
            wake.try_send(()).ok();
        }
    }

    /// Where something was erased: it is in the file no more, but still in the log. Somebody who reads keeps it as it
    /// is: then it is tried again after the next transaction.
    pub(crate) fn forget_erased(&self, writer: &Connection) {
        if !self.database.log_holds_erased.load(Ordering::Relaxed) {
            return;
        }
        let emptied = writer.busy_timeout(READERS_PATIENCE).and_then(|()| self.empty(writer));
        let restored = writer.busy_timeout(BUSY);
        match emptied.and_then(|emptied| restored.map(|()| emptied)) {
            Ok(emptied) => self.database.log_holds_erased.store(!emptied, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the log of the control database was not emptied"),
        }
    }

    /// The last of it, when nobody writes any more.
    pub(crate) fn close(self, writer: &Connection) {
        if let Err(error) = self.empty(writer) {
            tracing::warn!(%error, "the control database was closed without a checkpoint");
        }
    }

    /// Whether it could: not where somebody reads from it, and never once the file was found damaged.
    fn empty(&self, writer: &Connection) -> rusqlite::Result<bool> {
        let _turn = lock(&self.turn);
        if self.database.damaged.load(Ordering::Relaxed) {
            return Ok(false);
        }
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(!row.get::<_, bool>(0)?))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("what copies the log of the control database panicked");
        }
    }
}

fn lock(turn: &Mutex<()>) -> MutexGuard<'_, ()> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What nobody reads as it was before; never once the file was found damaged.
fn copy(connection: &Connection, database: &Database) {
    if database.damaged.load(Ordering::Relaxed) {
        return;
    }
    if let Err(error) = database.located(checkpoint(connection, COPY).map_err(ControlError::from)) {
        not_copied(&error);
    }
}

fn not_copied(error: &ControlError) {
    tracing::warn!(%error, "the log of the control database was not copied");
}

fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<Pages> {
    connection.prepare_cached(pragma)?.query_row([], |row| Ok(Pages { all: row.get(1)?, copied: row.get(2)? }))
}
