//! Writes of one kind that run together, so that what they have in common is written once for all of them.
//!
//! Those that wait when the writer comes to them, and some of those that come while it is at it, share a savepoint and
//! a value of the kind, which each may read and change: as many of them as the writer takes at once. Where one fails,
//! all are undone and run again, each for itself: it undoes itself alone. The answers of one batch are given by one
//! task, which is the batch's and nobody's who asks: whoever asks may do so from threads that others are not to wait
//! for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::file::Database;
use crate::writer::{JOB, Job, Outcome};
use crate::{ControlDb, ControlError};

/// A batch takes who comes while it runs as long as it has less than so many times those that wait behind it.
const AT_WORK: usize = 8;

/// What the writes of a batch have in common.
pub trait Common: Send + Sync + 'static {
    /// The same within one transaction.
    type Within<'tx>;

    /// Before the first of the writes.
    fn begin<'tx>(&self, db: &'tx Connection) -> Self::Within<'tx>;

    /// Writes what the writes have left in it. Once, behind the last of them.
    fn write(within: Self::Within<'_>) -> Result<(), ControlError>;
}

/// A queue of writes that share a `C`; they run in the order in which they came.
pub struct Batch<C: Common> {
    control: ControlDb,
    queue: Arc<Queue<C>>,
    /// What answers; where there is none, the writer does.
    runtime: Option<Handle>,
}

struct Queue<C: Common> {
    common: C,
    line: Mutex<Line<C>>,
    database: Arc<Database>,
}

/// Those that wait, and the jobs that the writer has for them: at least one for each `JOB`.
struct Line<C: Common> {
    waiting: VecDeque<Waiting<C>>,
    jobs: usize,
}

struct Waiting<C: Common> {
    write: Box<dyn Write<C>>,
    place: Option<OwnedSemaphorePermit>,
}

/// A write whose result is of any type.
trait Write<C: Common>: Send {
    fn run(&mut self, common: &mut C::Within<'_>) -> Result<(), ControlError>;
    fn fail(&mut self, error: ControlError);
    fn answer(self: Box<Self>, commit: Result<(), &str>, database: &Database);
}

struct Of<F, R, T> {
    f: F,
    result: Option<Result<T, ControlError>>,
    reply: R,
}

impl<C: Common> Batch<C> {
    /// The writes are answered by the runtime in which this is called.
    pub fn new(control: ControlDb, common: C) -> Self {
        let database = Arc::clone(&control.database);
        let queue = Queue { common, line: Mutex::new(Line { waiting: VecDeque::new(), jobs: 0 }), database };
        Self { control, queue: Arc::new(queue), runtime: Handle::try_current().ok() }
    }

    /// Runs `f` on the writer's thread; answers after the commit. It waits for a place in the queue, and is in it once
    /// it has one: a caller that goes away then stops nothing. `f` must not wait for anything, and runs a second time
    /// where another of its batch failed.
    pub async fn write<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnMut(&mut C::Within<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let place = self.control.writer.place().await?;
        let (reply, answer) = oneshot::channel();
        // A caller that went away no longer needs the answer.
        self.push(f, |result| drop(reply.send(result)), Some(place));
        answer.await.unwrap_or(Err(ControlError::Closed))
    }

    /// The same without waiting, for what ends something that waited for its place. `reply` must not wait either.
    pub fn submit<T, F>(&self, f: F, reply: impl FnOnce(Result<T, ControlError>) + Send + 'static)
    where
        T: Send + 'static,
        F: FnMut(&mut C::Within<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        self.push(f, reply, None);
    }

    fn push<T, F, R>(&self, f: F, reply: R, place: Option<OwnedSemaphorePermit>)
    where
        T: Send + 'static,
        F: FnMut(&mut C::Within<'_>) -> Result<T, ControlError> + Send + 'static,
        R: FnOnce(Result<T, ControlError>) + Send + 'static,
    {
        let write = Box::new(Of { f, result: None, reply });
        let wants_job = {
            let mut line = self.queue.lock();
            line.waiting.push_back(Waiting { write, place });
            let wants_job = line.waiting.len() > line.jobs * JOB;
            line.jobs += usize::from(wants_job);
            wants_job
        };
        if !wants_job {
            return;
        }
        // One wake-up for all answers: the writer has better things to do.
        let job = Arc::clone(&self.queue).job(self.runtime.clone());
        if let Err(error) = self.control.writer.send_blocking(job) {
            self.queue.answer(self.queue.take(), Err(&error.to_string()));
        }
    }
}

impl<C: Common> Queue<C> {
    fn lock(&self) -> MutexGuard<'_, Line<C>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one job is for. The others that wait have theirs.
    fn take(&self) -> Vec<Box<dyn Write<C>>> {
        let mut line = self.lock();
        line.jobs -= 1;
        let count = line.waiting.len().min(JOB);
        line.waiting.drain(..count).map(Waiting::take).collect()
    }

    /// Of those that came while `done` others ran: so many that those who have been answered find the writer at work
    /// when they come back, and not so many that it would have nothing to do until they do.
    fn latecomers(&self, done: usize) -> Vec<Box<dyn Write<C>>> {
        let mut line = self.lock();
        let share = (AT_WORK * line.waiting.len()).saturating_sub(done) / (AT_WORK + 1);
        let count = share.min(JOB.saturating_sub(done));
        line.waiting.drain(..count).map(Waiting::take).collect()
    }

    fn job(self: Arc<Self>, runtime: Option<Handle>) -> Job {
        Box::new(move |tx: Result<&Transaction<'_>, &str>| {
            let mut taken = self.take();
            let keep = tx.is_ok_and(|tx| self.run(tx, &mut taken));
            let writes = taken.len();
            let answer = Box::new(move |commit: Result<(), &str>| {
                let commit = if keep { commit } else { commit.and(Err("it was undone")) };
                let Some(runtime) = runtime else { return self.answer(taken, commit) };
                let commit = commit.map_err(str::to_owned);
                runtime.spawn(async move { self.answer(taken, commit.as_ref().copied().map_err(String::as_str)) });
            });
            Outcome { keep, writes, answer }
        })
    }

    fn answer(&self, taken: Vec<Box<dyn Write<C>>>, commit: Result<(), &str>) {
        for write in taken {
            write.answer(commit, &self.database);
        }
    }

    /// Those that were taken, and who comes meanwhile. False where the savepoints themselves fail, so that nothing may
    /// be kept.
    fn run(&self, tx: &Transaction<'_>, taken: &mut Vec<Box<dyn Write<C>>>) -> bool {
        if taken.is_empty() {
            // They joined the one before.
            return true;
        }
        let mut done = 0;
        let outcome = self.in_savepoint(tx, |common| {
            while done < taken.len() {
                taken[done..].iter_mut().try_for_each(|write| write.run(common))?;
                done = taken.len();
                taken.extend(self.latecomers(done));
            }
            Ok(())
        });
        match (outcome, taken.as_mut_slice()) {
            (Ok(Ok(())), _) => true,
            (Err(_), _) => false,
            (Ok(Err(error)), [alone]) => {
                alone.fail(error);
                true
            }
            (Ok(Err(_)), all) => all.iter_mut().all(|alone| self.run_alone(tx, &mut **alone)),
        }
    }

    fn run_alone(&self, tx: &Transaction<'_>, alone: &mut dyn Write<C>) -> bool {
        match self.in_savepoint(tx, |common| alone.run(common)) {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                alone.fail(error);
                true
            }
            Err(_) => false,
        }
    }

    /// The outer error is one of the whole transaction.
    fn in_savepoint(
        &self,
        tx: &Transaction<'_>,
        writes: impl FnOnce(&mut C::Within<'_>) -> Result<(), ControlError>,
    ) -> rusqlite::Result<Result<(), ControlError>> {
        tx.prepare_cached("SAVEPOINT batch")?.execute([])?;
        let all = AssertUnwindSafe(|| {
            let mut common = self.common.begin(tx);
            writes(&mut common)?;
            C::write(common)
        });
        let result = catch_unwind(all).unwrap_or(Err(ControlError::Panicked));
        if result.is_err() {
            tx.prepare_cached("ROLLBACK TO batch")?.execute([])?;
        }
        tx.prepare_cached("RELEASE batch")?.execute([])?;
        Ok(result)
    }
}

impl<C: Common> Waiting<C> {
    /// Whoever waits for a place may have its.
    fn take(self) -> Box<dyn Write<C>> {
        drop(self.place);
        self.write
    }
}

impl<C, F, R, T> Write<C> for Of<F, R, T>
where
    C: Common,
    F: FnMut(&mut C::Within<'_>) -> Result<T, ControlError> + Send,
    R: FnOnce(Result<T, ControlError>) + Send,
    T: Send,
{
    fn run(&mut self, common: &mut C::Within<'_>) -> Result<(), ControlError> {
        self.result = Some(Ok((self.f)(common)?));
        Ok(())
    }

    fn fail(&mut self, error: ControlError) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>, commit: Result<(), &str>, database: &Database) {
        let Self { f, result, reply } = *self;
        // What it holds is the caller's own again.
        drop(f);
        reply(match (result, commit) {
            (Some(Err(error)), _) => database.located(Err(error)),
            (_, Err(reason)) => Err(ControlError::NotCommitted(reason.to_owned())),
            (result, Ok(())) => result.unwrap_or(Err(ControlError::Closed)),
        });
    }
}
