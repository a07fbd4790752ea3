//! One tenant's database of one family: the async surface, and where each operation runs.
//!
//! Operations of one database are taken in turn by an async mutex around its only connection.
//! A read runs where it is called, bounded in steps and bytes; one that turns out heavier begins
//! again on a thread that may block. Writes join a queue: whoever gets the connection next commits
//! all that wait with one commit. See the crate documentation for the figures behind this.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_tenancy::DatabasePlace;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::connection::Session;
use crate::limits::{self, Limits};
use crate::read::{self, Effort, Halt};
use crate::slot::{Slot, State, Write};
use crate::store::Shared;
use crate::{Document, Error, LogEntry, LogTotals, Operation, Page, Range, Result, write};

/// Where the file is, asked each time that it has to be opened.
pub(crate) type Place = dyn Fn() -> Result<DatabasePlace> + Send + Sync;

/// A handle on one database; cheap to make, to clone and to drop. Nothing is opened before it is used.
#[derive(Clone)]
pub struct Database {
    pub(crate) store: Arc<Shared>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) place: Arc<Place>,
    /// Nanoseconds that reads took on other threads.
    elsewhere: Option<Arc<AtomicU64>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.slot.id)
    }
}

type Guard = OwnedMutexGuard<State>;

/// How often a read looks for a free connection before it stands in line.
const LOOKS: usize = 4;

impl Database {
    pub(crate) fn new(store: Arc<Shared>, slot: Arc<Slot>, place: Arc<Place>) -> Self {
        Self { store, slot, place, elsewhere: None }
    }

    /// A handle that adds up, in nanoseconds, the processor time of reads that are too heavy for the caller's
    /// thread: without it they would cost their caller nothing.
    #[must_use]
    pub fn metered(self, elsewhere: Arc<AtomicU64>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// The document of that key, if there is one.
    pub async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>> {
        limits::collection(collection)?;
        self.limits().key(key)?;
        let (collection, key) = (collection.to_owned(), key.to_owned());
        self.read(move |session, _| Ok(read::get(session, &collection, &key)?)).await
    }

    /// One answer for each of 1 to 1,000 keys, in their order.
    ///
    /// # Errors
    /// `TooLarge` where the values together pass 8 MiB.
    pub async fn get_many(&self, collection: &str, keys: Vec<String>) -> Result<Vec<Option<Document>>> {
        limits::collection(collection)?;
        limits::count("keys", keys.len())?;
        keys.iter().try_for_each(|key| self.limits().key(key))?;
        let (collection, count) = (collection.to_owned(), keys.len());
        let mut found = self.read(move |session, effort| read::get_many(session, &collection, &keys, effort)).await?;
        found.resize(count, None);
        Ok(found)
    }

    /// One page of a collection.
    pub async fn scan(&self, collection: &str, range: Range) -> Result<Page> {
        limits::collection(collection)?;
        self.limits().range(&range)?;
        let collection = collection.to_owned();
        self.read(move |session, effort| read::scan(session, &collection, &range, effort)).await
    }

    /// How many documents have keys that begin with `prefix`.
    pub async fn count(&self, collection: &str, prefix: &str) -> Result<u64> {
        limits::collection(collection)?;
        let (collection, prefix) = (collection.to_owned(), prefix.to_owned());
        self.read(move |session, _| Ok(read::count(session, &collection, &prefix)?)).await
    }

    /// Entries after the sequence number `after` (0: from the start), oldest first; `limit` is 1 to 1,000.
    pub async fn log_read(&self, log: &str, after: u64, limit: u32) -> Result<Vec<LogEntry>> {
        limits::log(log)?;
        limits::count("limit", limit as usize)?;
        let log = log.to_owned();
        self.read(move |session, effort| read::log_after(session, &log, after, limit, effort)).await
    }

    /// The newest entries, oldest first; `limit` is 1 to 1,000. Fewer where they pass 8 MiB.
    pub async fn log_tail(&self, log: &str, limit: u32) -> Result<Vec<LogEntry>> {
        limits::log(log)?;
        limits::count("limit", limit as usize)?;
        let log = log.to_owned();
        self.read(move |session, effort| read::log_tail(session, &log, limit, effort)).await
    }

    /// How many entries a log has.
    pub async fn log_length(&self, log: &str) -> Result<u64> {
        limits::log(log)?;
        let log = log.to_owned();
        self.read(move |session, _| Ok(read::log_length(session, &log)?)).await
    }

    /// How many documents have a rank of `lowest` or more.
    pub async fn count_ranked(&self, collection: &str, lowest: i64) -> Result<u64> {
        limits::collection(collection)?;
        let collection = collection.to_owned();
        self.read(move |session, _| Ok(read::count_ranked(session, &collection, lowest)?)).await
    }

    /// How many logs have names that begin with `prefix`, and how many entries they have together.
    pub async fn log_totals(&self, prefix: &str) -> Result<LogTotals> {
        let prefix = prefix.to_owned();
        self.read(move |session, _| Ok(read::log_totals(session, &prefix)?)).await
    }

    /// All of 1 to 1,000 operations or none of them; one number each, as [`Operation`] says. What
    /// was answered survives as the store's durability promises.
    pub async fn transact(&self, operations: Vec<Operation>) -> Result<Vec<u64>> {
        let bytes = self.limits().operations(&operations)?;
        let (answer, mut answered) = oneshot::channel();
        self.slot.enqueue(Write { operations, bytes, answer });
        loop {
            // The connection's holder may answer for us while we wait for it.
            let guard = tokio::select! {
                biased;
                outcome = &mut answered => return outcome.unwrap_or(Err(Error::Busy)),
                guard = Arc::clone(&self.slot.state).lock_owned() => guard,
            };
            let group = self.slot.take_group();
            if !group.is_empty() {
                self.commit(guard, group);
            }
        }
    }

    fn limits(&self) -> &Limits {
        self.store.limits()
    }

    /// The connection, for a read. A line of waiters hands it from task to task, each of which must be
    /// woken first; so a read first looks again after others had their turn on this thread.
    async fn connection(&self) -> Guard {
        for _ in 0..LOOKS {
            if let Ok(guard) = Arc::clone(&self.slot.state).try_lock_owned() {
                return guard;
            }
            tokio::task::yield_now().await;
        }
        Arc::clone(&self.slot.state).lock_owned().await
    }

    async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Default + Send + 'static,
        F: Fn(&Session, Effort) -> std::result::Result<T, Halt> + Send + 'static,
    {
        let mut guard = self.connection().await;
        self.slot.touch(self.store.now());
        match &*guard {
            State::Absent => return Ok(T::default()),
            State::Open(session) => match attempt(session, &query, Effort::Inline) {
                Err(Halt::Heavy) => {}
                outcome => return conclude(session, outcome),
            },
            State::Closed => {}
        }
        let this = self.clone();
        let work = move || match this.store.open(&this.slot, &mut guard, &*this.place, false)? {
            None => Ok(T::default()),
            Some(session) => {
                let begun = thread_cpu_ns();
                let concluded = conclude(session, attempt(session, &query, Effort::Blocking));
                if let Some(elsewhere) = &this.elsewhere {
                    elsewhere.fetch_add(thread_cpu_ns().saturating_sub(begun), Ordering::Relaxed);
                }
                concluded
            }
        };
        self.store.pool.run(&self.slot.share, work).await?
    }

    /// Commits a group where it is light enough, else behind a task of its own: a caller that goes
    /// away must not take the writes of others with it.
    fn commit(&self, mut guard: Guard, group: Vec<Write>) {
        self.slot.touch(self.store.now());
        if let State::Open(session) = &mut *guard
            && self.store.commits_inline(session, &group)
        {
            write_group(session, group);
            self.after_commit(session.wal_pages());
        } else {
            let this = self.clone();
            tokio::spawn(async move { this.commit_blocking(guard, group).await });
        }
    }

    async fn commit_blocking(self, mut guard: Guard, group: Vec<Write>) {
        let this = self.clone();
        let work = move || match this.store.open(&this.slot, &mut guard, &*this.place, true) {
            Ok(Some(session)) => {
                write_group(session, group);
                session.wal_pages()
            }
            Ok(None) => 0,
            Err(error) => {
                group.into_iter().for_each(|write| drop(write.answer.send(Err(error.clone()))));
                0
            }
        };
        // It fails only when the runtime stops; then nobody waits for the answers.
        if let Ok(wal_pages) = self.store.pool.run(&self.slot.share, work).await {
            self.after_commit(wal_pages);
        }
    }

    /// Has a grown WAL written back behind the answers.
    fn after_commit(&self, wal_pages: u32) {
        if self.slot.begins_checkpoint(wal_pages) {
            let this = self.clone();
            tokio::spawn(async move { this.checkpoint().await });
        }
    }

    async fn checkpoint(&self) {
        let guard = Arc::clone(&self.slot.state).lock_owned().await;
        let work = move || match &*guard {
            State::Open(session) => session.checkpoint(),
            State::Closed | State::Absent => Ok(()),
        };
        let outcome = self.store.pool.run(&self.slot.share, work).await;
        self.slot.ends_checkpoint();
        if let Err(error) = outcome.and_then(|outcome| outcome) {
            tracing::warn!(tenant = %self.slot.id.tenant, family = %self.slot.id.family, %error, "a checkpoint failed");
        }
    }
}

fn attempt<T>(
    session: &Session,
    query: impl Fn(&Session, Effort) -> std::result::Result<T, Halt>,
    effort: Effort,
) -> std::result::Result<T, Halt> {
    session.allow(effort);
    query(session, effort)
}

fn conclude<T>(session: &Session, outcome: std::result::Result<T, Halt>) -> Result<T> {
    outcome.map_err(|halt| match halt {
        Halt::Sqlite(error) => session.error(&error),
        Halt::Error(error) => error,
        Halt::Heavy => Error::Busy,
    })
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

fn write_group(session: &mut Session, group: Vec<Write>) {
    session.allow(Effort::Blocking);
    let operations: Vec<&[Operation]> = group.iter().map(|write| write.operations.as_slice()).collect();
    let answers = write::commit(session, &operations);
    for (write, answer) in group.into_iter().zip(answers) {
        // A caller that stopped waiting asked for no answer.
        drop(write.answer.send(answer));
    }
}
