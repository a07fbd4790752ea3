//! One run at a time a session: the others stand in line.
//!
//! A session has a *lane*: the run that has its turn, and those that wait. Whoever has the claim of that lane moves it
//! on; where a lane has a run and nobody the claim, that run died with its call or with the gateway.

use crate::ending::LastLine;
use crate::run::{self, Run, Status};
use crate::session::Session;
use crate::teller::Teller;
use openclaw_sdk::documents::{Database, Transaction};
use openclaw_sdk::log::{self, Level};
use openclaw_sdk::tasks::{Claim, Tasks};
use openclaw_sdk::{Call, Error, Result, now_ms};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

const LANES: &str = "lanes";

/// Runs that somebody wants to be ended, by their ids.
const ABORTS: &str = "aborts";

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: usize = 20;

/// How many may wait, and are ended by one write: of a run it is two operations, and a transaction takes 1,000; it is
/// told of by three events, and a call publishes 1,024.
pub(crate) const MOST_WAITING: usize = 300;

/// How many of them a run takes in at once. Whoever ends it where it stands ends them too, by three events each, in a
/// call that tells besides of a line that it ends whole, or of a run of its own as far as `teller` goes.
const MOST_TAKEN_IN: usize = 8;

/// How long a run that ends has for its last steps.
const LAST_STEPS: Duration = Duration::from_secs(2);

/// Why a run is ended that nobody has.
const DIED: &str = "the gateway stopped, or the call ended, while this ran";

/// The task that takes a turn; its parameters say for which session.
const TURN: &str = "agent";

#[derive(Default, Serialize, Deserialize)]
struct Lane {
    running: Option<String>,
    waiting: Vec<String>,
    /// Those that waited and became part of the running one, which ends them before it takes in others.
    #[serde(default)]
    taken_in: Vec<String>,
}

/// A lane as it was read; 0 is the version of one that is not stored.
struct Known {
    lane: Lane,
    version: u64,
}

/// What became of a run that came.
pub(crate) enum Entered {
    /// The lane is the caller's, and this run, perhaps an older one, has its turn.
    Turn(Claim, Box<Run>),
    /// It waits for its turn.
    Waits,
    /// It came before.
    Known(Box<Run>),
}

pub(crate) struct Lanes<'a> {
    pub(crate) call: &'a Call,
    pub(crate) database: Database,
    pub(crate) tasks: Tasks,
}

impl<'a> Lanes<'a> {
    pub(crate) fn open(call: &'a Call) -> Result<Self> {
        Ok(Self { call, database: call.documents()?, tasks: call.tasks()? })
    }

    /// Puts a run in its session's line, and takes the lane where nobody has it.
    pub(crate) fn enter(&self, run: Run, most: usize) -> Result<Entered> {
        let key = &run.session_key;
        let mut wait = Duration::ZERO;
        for _ in 0..ATTEMPTS {
            if let Some(known) = Run::find(&self.database, &run.id)? {
                return Ok(Entered::Known(Box::new(known)));
            }
            let claim = self.tasks.claim(&claim_of(key), wait)?;
            if claim.is_some() {
                self.bury(key)?;
            }
            let Known { mut lane, version } = self.lane(key)?;
            if claim.is_none() && lane.running.is_none() {
                // Whoever has the claim still is about to let it go, and looks at the line no more.
                wait = LAST_STEPS;
                continue;
            }
            if lane.waiting.len() >= most {
                claim.map_or(Ok(()), |claim| self.pass_on(key, claim))?;
                let message = format!("{most} messages wait for this session already");
                return Err(Error::unavailable(message, Some(5_000)));
            }
            lane.waiting.push(run.id.clone());
            let first = claim.is_some().then(|| lane.next()).flatten();
            match self.write_lane(key, &lane, version, Some(&run)) {
                Err(error) if error.is_conflict() => continue,
                written => written?,
            }
            run::forget_old(&self.database)?;
            Teller::accepted(self.call, &run)?;
            return match claim.zip(first) {
                None => Ok(Entered::Waits),
                Some((claim, first)) => Ok(Entered::Turn(claim, Box::new(self.run(&first)?))),
            };
        }
        Err(Error::unavailable("too many messages come to this session at once", Some(1_000)))
    }

    /// The run that has its turn in a lane whose claim the caller has.
    pub(crate) fn current(&self, key: &str) -> Result<Option<Run>> {
        let running = self.lane(key)?.lane.running;
        running.map(|id| self.run(&id)).transpose()
    }

    /// Has the next run of a lane take its turn, in a task of its own; lets the lane go where none waits.
    pub(crate) fn pass_on(&self, key: &str, claim: Claim) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Known { mut lane, version } = self.lane(key)?;
            self.end_all(&lane.taken_in)?;
            let next = lane.next();
            match self.write_lane(key, &lane, version, None) {
                Err(error) if error.is_conflict() => continue,
                written => written?,
            }
            let Some(next) = next else { return Ok(()) };
            return self.start(key, claim).or_else(|refused| {
                log::emit(Level::Warn, &format!("a run waits on: {}", refused.message), &[("run", next.as_str())]);
                self.put_back(key)
            });
        }
        Err(Error::unavailable("the line of this session changes too fast", Some(1_000)))
    }

    /// Begins the turn of a lane's current run in a task.
    pub(crate) fn start(&self, key: &str, claim: Claim) -> Result<()> {
        let params = json!({ "message": "", "idempotencyKey": "turn", "sessionKey": key });
        self.tasks.start(TURN, &params, Some(claim))
    }

    /// The current run is the first in line again: its turn did not begin.
    fn put_back(&self, key: &str) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Known { mut lane, version } = self.lane(key)?;
            let Some(running) = lane.running.take() else { return Ok(()) };
            lane.waiting.insert(0, running);
            match self.write_lane(key, &lane, version, None) {
                Err(error) if error.is_conflict() => {}
                written => return written,
            }
        }
        Ok(())
    }

    /// Forgets a run that was never begun: it was refused.
    pub(crate) fn withdraw(&self, run: &Run) -> Result<()> {
        let key = &run.session_key;
        for _ in 0..ATTEMPTS {
            let Known { mut lane, version } = self.lane(key)?;
            lane.waiting.retain(|id| *id != run.id);
            lane.running.take_if(|id| *id == run.id);
            match self.write_lane(key, &lane, version, None) {
                Err(error) if error.is_conflict() => continue,
                written => written?,
            }
            return self.database.transaction().delete(run::RUNS, &run.id).commit().map(drop);
        }
        Ok(())
    }

    /// Ends the first [`MOST_WAITING`] runs that wait: one write takes them out of the line and ends them. Those that
    /// a change meanwhile hides are there at the next look.
    pub(crate) fn end_waiting(&self, key: &str, meant: impl Fn(&String) -> bool, why: &str) -> Result<Vec<Run>> {
        for _ in 0..ATTEMPTS {
            let Known { mut lane, version } = self.lane(key)?;
            let ids = lane.waiting.extract_if(.., |id| meant(id)).take(MOST_WAITING);
            let mut runs = ids.map(|id| self.run(&id)).collect::<Result<Vec<_>>>()?;
            if runs.is_empty() {
                break;
            }
            runs.iter_mut().for_each(|run| run.end(Status::Aborted, Some(why.to_owned()), None));
            let transaction = runs.iter().try_fold(self.with_lane(key, &lane, version)?, with_run)?;
            match transaction.commit() {
                Err(error) if error.is_conflict() => continue,
                written => drop(written?),
            }
            return Ok(runs);
        }
        Ok(Vec::new())
    }

    /// Takes the first [`MOST_TAKEN_IN`] that wait into the run that has its turn: where it does not end them, they end
    /// with it. It has ended those that it took in before.
    pub(crate) fn take_in(&self, key: &str) -> Result<Vec<Run>> {
        for _ in 0..ATTEMPTS {
            let Known { mut lane, version } = self.lane(key)?;
            let taken: Vec<_> = lane.waiting.drain(..lane.waiting.len().min(MOST_TAKEN_IN)).collect();
            if taken.is_empty() {
                break;
            }
            lane.taken_in.clone_from(&taken);
            match self.write_lane(key, &lane, version, None) {
                Err(error) if error.is_conflict() => continue,
                written => written?,
            }
            return taken.iter().map(|id| self.run(id)).collect();
        }
        Ok(Vec::new())
    }

    /// Looks after a lane that nobody has: what died there is ended, and the next has its turn.
    pub(crate) fn revive(&self, key: &str) -> Result<()> {
        let lane = self.lane(key)?.lane;
        if lane.is_empty() {
            return Ok(());
        }
        let Some(claim) = self.tasks.claim(&claim_of(key), Duration::ZERO)? else { return Ok(()) };
        self.bury(key)?;
        self.pass_on(key, claim)
    }

    /// Ends the run that a lane has and nobody runs, with those that became part of it. The caller has the claim.
    fn bury(&self, key: &str) -> Result<()> {
        let Lane { running, taken_in, .. } = self.lane(key)?.lane;
        self.end_all(running.iter().chain(&taken_in))
    }

    /// Ends those of these runs that have not come to an end.
    fn end_all<'i>(&self, ids: impl IntoIterator<Item = &'i String>) -> Result<()> {
        for id in ids {
            match self.run(id) {
                Ok(run) if !run.status.has_ended() => self.end_for(run, DIED).map(drop)?,
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends a run on behalf of the call that had it, and tells of it: as its last line says, where it had come to that;
    /// else as aborted, which the transcript is marked with.
    pub(crate) fn end_for(&self, mut run: Run, why: &str) -> Result<Status> {
        let key = &run.session_key;
        // A message that nobody read yet is kept; a session that was deleted since is not made again.
        let session = match run.has_begun {
            true => Session::find(self.call, key)?,
            false => Some(Session::open(self.call, key, None)?),
        };
        let last = session.as_ref().map(|session| LastLine::find(session, &run)).transpose()?.flatten();
        let message = match (&session, last) {
            (Some(session), Some(last)) => last.end(&mut run, &session.id),
            (session, _) => {
                session.iter().try_for_each(|session| mark(session, &run, why))?;
                run.end(Status::Aborted, Some(why.to_owned()), None);
                Value::Null
            }
        };
        self.write_run(&run)?;
        Teller::of_ended(self.call, &run)?.ended(&run, &message)?;
        Ok(run.status)
    }

    /// Says that a run is to be ended; it looks for this between two steps.
    pub(crate) fn want_end(&self, id: &str) -> Result<()> {
        self.database.transaction().put(ABORTS, id, &true, now_ms().cast_signed())?.commit().map(drop)
    }

    pub(crate) fn forget_want(&self, id: &str) -> Result<()> {
        self.database.transaction().delete(ABORTS, id).commit().map(drop)
    }

    pub(crate) fn is_unwanted(&self, id: &str) -> Result<bool> {
        Ok(self.database.collection(ABORTS).document(id)?.is_some())
    }

    pub(crate) fn write_run(&self, run: &Run) -> Result<()> {
        with_run(self.database.transaction(), run)?.commit().map(drop)
    }

    pub(crate) fn run(&self, id: &str) -> Result<Run> {
        Run::find(&self.database, id)?.ok_or_else(|| Error::not_found(format!("there is no run {id}")))
    }

    /// The run that has its turn, and those that wait.
    pub(crate) fn ids(&self, key: &str) -> Result<(Option<String>, Vec<String>)> {
        let Lane { running, waiting, .. } = self.lane(key)?.lane;
        Ok((running, waiting))
    }

    fn lane(&self, key: &str) -> Result<Known> {
        match self.database.collection(LANES).document(key)? {
            Some(document) => Ok(Known { lane: document.parse()?, version: document.version }),
            None => Ok(Known { lane: Lane::default(), version: 0 }),
        }
    }

    /// Writes a lane that nobody changed since it was read, and a run that is new.
    fn write_lane(&self, key: &str, lane: &Lane, version: u64, new: Option<&Run>) -> Result<()> {
        let transaction = self.with_lane(key, lane, version)?;
        match new {
            Some(run) => run.insert(transaction)?.commit().map(drop),
            // Nothing to be written: a lane that was empty is.
            None if version == 0 && lane.is_empty() => Ok(()),
            None => transaction.commit().map(drop),
        }
    }

    /// The write of a lane that nobody may have changed since it was read.
    fn with_lane(&self, key: &str, lane: &Lane, version: u64) -> Result<Transaction<'_>> {
        let transaction = self.database.transaction();
        Ok(match (lane.is_empty(), version) {
            (true, 0) => transaction,
            (true, version) => transaction.delete_version(LANES, key, version),
            (false, 0) => transaction.insert(LANES, key, lane, 0)?,
            (false, version) => transaction.update(LANES, key, lane, 0, version)?,
        })
    }
}

/// Marks a run in its transcript that was aborted.
fn mark(session: &Session<'_>, run: &Run, why: &str) -> Result<()> {
    let mut messages = Vec::new();
    // It may have died between the message and what says that it is written.
    if !run.has_begun && !session.has_heard(run)? {
        messages.push(run.heard());
    }
    messages.push(aborted_message(why));
    let marked = session.say(&messages, |row| _ = row.insert("abortedLastRun".into(), true.into()));
    // A session that was deleted meanwhile has no transcript to be marked.
    marked.or_else(|error| if error.code == "UNAVAILABLE" { Ok(()) } else { Err(error) })
}

/// The write of a run; nobody wants one to be ended any more that has ended.
fn with_run<'a>(transaction: Transaction<'a>, run: &Run) -> Result<Transaction<'a>> {
    let transaction = run.write(transaction)?;
    Ok(if run.status.has_ended() { transaction.delete(ABORTS, &run.id) } else { transaction })
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// The next run has its turn.
    fn next(&mut self) -> Option<String> {
        self.taken_in.clear();
        self.running = (!self.waiting.is_empty()).then(|| self.waiting.remove(0));
        self.running.clone()
    }
}

/// The name of a session's lane among the claims.
pub(crate) fn claim_of(session_key: &str) -> String {
    format!("lane:{session_key}")
}

/// The name of a run that is at work among the claims.
pub(crate) fn claim_of_run(id: &str) -> String {
    format!("run:{id}")
}

fn aborted_message(why: &str) -> Value {
    json!({
        "role": "assistant", "content": [], "stopReason": "aborted", "errorMessage": why, "timestamp": now_ms(),
        "usage": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0 },
    })
}
