//! The one thread that writes.
//!
//! It takes whatever waits as a transaction begins, up to a bound of writes, runs each
//! operation in a savepoint of its own, commits once, and only then answers. What comes
//! meanwhile is for the next, but for what joins its like (`batch.rs`): so those who were
//! answered get on while it works. A full queue makes the callers wait. Where something was
//! erased, the log of changes is emptied before the answers, since it holds pages as they
//! were (`log.rs`).

use std::collections::VecDeque;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ControlError;
use crate::file::Database;
use crate::log::Log;

const QUEUE: usize = 1024;
/// Writes of one transaction.
pub(crate) const GROUP: usize = 256;
/// Writes of one job: a transaction takes no further job unless there is room for so many.
pub(crate) const JOB: usize = 64;

/// Tells the caller of one operation how the commit went.
type Answer = Box<dyn FnOnce(Result<(), &str>) + Send>;

/// One operation: runs, or learns why there is no transaction, and leaves
/// behind whether it is to be kept and what is to be done after the commit.
pub(crate) type Job = Box<dyn FnOnce(Result<&Transaction<'_>, &str>) -> Outcome + Send>;

pub(crate) struct Outcome {
    pub(crate) keep: bool,
    /// How many it was, `JOB` at the most.
    pub(crate) writes: usize,
    pub(crate) answer: Answer,
}

/// Makes a closure a job that hands its result to `reply` after the commit.
pub(crate) fn job<T, F>(f: F, reply: impl FnOnce(Result<T, ControlError>) + Send + 'static) -> Job
where
    T: Send + 'static,
    F: FnOnce(&Transaction<'_>) -> Result<T, ControlError> + Send + 'static,
{
    let job = move |tx: Result<&Transaction<'_>, &str>| {
        let result = match tx {
            Ok(tx) => catch_unwind(AssertUnwindSafe(|| f(tx))).unwrap_or(Err(ControlError::Panicked)),
            Err(reason) => Err(ControlError::NotCommitted(reason.to_owned())),
        };
        Outcome {
            keep: result.is_ok(),
            writes: 1,
            answer: Box::new(move |commit| {
                reply(result.and_then(|value| match commit {
                    Ok(()) => Ok(value),
                    Err(reason) => Err(ControlError::NotCommitted(reason.to_owned())),
                }));
            }),
        }
    };
    Box::new(job)
}

/// A job and the place it takes in the queue.
type Queued = (Job, Option<OwnedSemaphorePermit>);

/// The sending half; dropping it ends the thread when the queue is empty.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Queued>>,
    /// Asynchronous callers wait for a place; a blocking caller is a thread,
    /// and of those there are few.
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(mut connection: Connection, database: Arc<Database>) -> Result<Self, ControlError> {
        let (sender, receiver) = mpsc::channel();
        let log = Log::open(&database, &mut connection)?;
        let path = database.path.clone();
        let thread = std::thread::Builder::new()
            .name("control-writer".to_owned())
            .spawn(move || run(connection, log, receiver, &database))
            .map_err(|source| ControlError::Open { path, source })?;
        Ok(Self { queue: Some(sender), places: Arc::new(Semaphore::new(QUEUE)), thread: Some(thread) })
    }

    pub(crate) async fn send(&self, job: Job) -> Result<(), ControlError> {
        let place = self.place().await?;
        self.enqueue(job, Some(place))
    }

    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, ControlError> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| ControlError::Closed)
    }

    pub(crate) fn send_blocking(&self, job: Job) -> Result<(), ControlError> {
        self.enqueue(job, None)
    }

    fn enqueue(&self, job: Job, place: Option<OwnedSemaphorePermit>) -> Result<(), ControlError> {
        let queue = self.queue.as_ref().ok_or(ControlError::Closed)?;
        queue.send((job, place)).map_err(|_| ControlError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The last handle may have been held by an operation itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the control database's writer panicked");
        }
    }
}

fn run(mut connection: Connection, log: Log, queue: mpsc::Receiver<Queued>, database: &Database) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Ok(first) = queue.recv() else { break };
            waiting.push_back(first);
        }
        waiting.extend(queue.try_iter());
        let group = iter::from_fn(|| waiting.pop_front());
        commit_group(&mut connection, group.map(|(job, _place)| job), &log, database);
    }
    log.close(&connection);
}

/// As many of the jobs as one transaction takes.
fn commit_group(connection: &mut Connection, mut jobs: impl Iterator<Item = Job>, log: &Log, database: &Database) {
    let (mut writes, mut answers) = (0, Vec::new());
    let result = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|tx| {
        while writes + JOB <= GROUP
            && let Some(job) = jobs.next()
        {
            writes += run_job(&tx, job, &mut answers)?;
        }
        // Its statement is kept, unlike that of `commit`. Where it fails, dropping `tx` rolls back.
        tx.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    });
    let result = database.located(result.map_err(ControlError::from));
    let failure = result.err().map(|error| {
        tracing::error!(%error, "a group of writes was not committed");
        error.to_string()
    });
    let commit = failure.as_deref().map_or(Ok(()), Err);
    if let Some(reason) = &failure {
        // Where none was begun, those that it would have been for: it took its time to fail.
        let waiting = if answers.is_empty() { GROUP } else { 0 };
        answers.extend(jobs.take(waiting).map(|job| job(Err(reason)).answer));
    }
    log.forget_erased(connection);
    for answer in answers {
        answer(commit);
    }
    log.keep_short(connection);
}

/// How many writes it was. An error here is one of the whole transaction, never of the job alone.
fn run_job(tx: &Transaction<'_>, job: Job, answers: &mut Vec<Answer>) -> rusqlite::Result<usize> {
    let begun = tx.prepare_cached("SAVEPOINT operation").and_then(|mut begin| begin.execute([]));
    if let Err(error) = begun {
        answers.push(job(Err(&error.to_string())).answer);
        return Err(error);
    }
    let outcome = job(Ok(tx));
    answers.push(outcome.answer);
    if !outcome.keep {
        tx.prepare_cached("ROLLBACK TO operation")?.execute([])?;
    }
    tx.prepare_cached("RELEASE operation")?.execute([])?;
    Ok(outcome.writes)
}
