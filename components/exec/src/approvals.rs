//! What is kept of approvals: those that somebody waits for, and the newest of those that have ended.
//!
//! An approval is pending until it is decided, its time is over, or nobody waits for it any more: whoever does has a
//! claim of its id (`place`). So one that is written down as pending and has nobody is over, after the gateway's death
//! too. It ends once, by a transaction that takes it out of the pending ones.
//!
//! Who begins to wait, and who looks whether somebody does, take turns: a look takes the claims for a moment, and would
//! be taken for somebody who waits by another one.

use crate::file::Stored;
use crate::place;
use crate::question::Question;
use openclaw_sdk::documents::{Collection, Database, Document, Order, Range};
use openclaw_sdk::tasks::{Claim, Tasks};
use openclaw_sdk::{Call, Error, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const PENDING: &str = "pending";
const SETTLED: &str = "settled";
/// Those that ended without a decision. They take no decision's room: whoever may ask makes as many as they like.
const LAPSED: &str = "lapsed";

/// How many wait at once; of them, how many that nobody waits for in a call, which may be there for half an hour after
/// one moment's work, and how many such of one session.
const MOST: u32 = 64;
const TWO_PHASE: usize = 16;
const TWO_PHASE_OF_SESSION: usize = 8;

/// How many that have ended are remembered; a few more until somebody asks.
const KEPT: [(&str, u64); 2] = [(SETTLED, 256), (LAPSED, 64)];
const SLACK: u32 = 32;

/// How often a change is tried again when somebody else was faster.
pub(crate) const ATTEMPTS: usize = 20;

/// Whoever has this claim adds to the pending ones, begins to wait, or looks who does.
const ASKING: &str = "asking";

/// How long it is waited for that.
const TURN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decision {
    AllowOnce,
    AllowAlways,
    Deny,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Approval {
    pub(crate) request: Question,
    pub(crate) created_at_ms: u64,
    pub(crate) expires_at_ms: u64,
    /// Who asked comes back for the answer, and waits for none.
    #[serde(default)]
    pub(crate) is_two_phase: bool,
    #[serde(default)]
    pub(crate) decision: Option<Decision>,
}

/// One that has not ended, as it was read.
pub(crate) struct Pending {
    pub(crate) id: String,
    pub(crate) approval: Approval,
    version: u64,
}

pub(crate) struct Approvals {
    pub(crate) database: Database,
    pub(crate) tasks: Tasks,
}

impl Approvals {
    pub(crate) fn open(call: &Call) -> Result<Self> {
        Ok(Self { database: call.documents()?, tasks: call.tasks()? })
    }

    /// The turn to ask, or to look who waits.
    pub(crate) fn turn(&self) -> Result<Claim> {
        self.tasks.claim(ASKING, TURN)?.ok_or_else(busy)
    }

    pub(crate) fn pending(&self, id: &str) -> Result<Option<Pending>> {
        self.collection(PENDING).document(id)?.map(Pending::read).transpose()
    }

    pub(crate) fn settled(&self, id: &str) -> Result<Option<Approval>> {
        match self.collection(SETTLED).get(id)? {
            None => self.collection(LAPSED).get(id),
            decided => Ok(decided),
        }
    }

    /// The approval of this id, whether it has ended or not.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Approval>> {
        match self.pending(id)? {
            Some(pending) => Ok(Some(pending.approval)),
            None => self.settled(id),
        }
    }

    /// Adds an approval, unless one of its id is there: that one, then. The caller has the turn.
    pub(crate) fn add(&self, id: &str, approval: &Approval) -> Result<Option<Approval>> {
        if let Some(known) = self.find(id)? {
            return Ok(Some(known));
        }
        self.room_for(approval)?;
        self.forget_old()?;
        let rank = approval.created_at_ms.cast_signed();
        self.database.transaction().insert(PENDING, id, approval, rank)?.commit()?;
        Ok(None)
    }

    /// Ends what is over, and refuses one more where those that go on leave it no room.
    fn room_for(&self, asked: &Approval) -> Result<()> {
        let (over, going_on) = self.waiting()?;
        over.into_iter().try_for_each(|pending| self.end(pending))?;
        let full = |what: String| Err(Error::unavailable(what, Some(5_000)));
        if going_on.len() >= MOST as usize {
            return full(format!("{MOST} commands wait for an approval already"));
        }
        let two_phase = || going_on.iter().map(|pending| &pending.approval).filter(|approval| approval.is_two_phase);
        if asked.is_two_phase && two_phase().count() >= TWO_PHASE {
            return full(format!("{TWO_PHASE} commands wait already for an approval that is fetched later"));
        }
        let beside = two_phase().filter(|approval| approval.request.is_beside(&asked.request)).count();
        if asked.is_two_phase && beside >= TWO_PHASE_OF_SESSION {
            let most = TWO_PHASE_OF_SESSION;
            return full(format!("{most} commands of this session wait already for an approval that is fetched later"));
        }
        Ok(())
    }

    /// Those that go on, the oldest first.
    pub(crate) fn going_on(&self) -> Result<Vec<Pending>> {
        let _turn = self.turn()?;
        self.waiting().map(|(_, going_on)| going_on)
    }

    /// The pending approval of this id, where it goes on; one that is over is ended.
    pub(crate) fn going_on_of(&self, id: &str) -> Result<Option<Pending>> {
        let _turn = self.turn()?;
        match self.pending(id)? {
            Some(pending) if self.is_over(&pending)? => self.end(pending).map(|()| None),
            found => Ok(found),
        }
    }

    /// Those that are written down as pending: what is over, and what goes on. The caller has the turn.
    fn waiting(&self) -> Result<(Vec<Pending>, Vec<Pending>)> {
        let (mut over, mut going_on) = (Vec::new(), Vec::new());
        for document in self.collection(PENDING).scan(&Range::first(MOST, Order::RankAscending))?.documents {
            let pending = Pending::read(document)?;
            if self.is_over(&pending)? { over.push(pending) } else { going_on.push(pending) }
        }
        Ok((over, going_on))
    }

    /// Whether its time has passed, or nobody waits for it any more. The caller has the turn.
    fn is_over(&self, Pending { id, approval, .. }: &Pending) -> Result<bool> {
        Ok(approval.expires_at_ms <= now_ms() || (!approval.is_two_phase && !place::is_waited_for(&self.tasks, id)?))
    }

    /// Ends one that is over, unless it has ended meanwhile.
    pub(crate) fn end(&self, pending: Pending) -> Result<()> {
        self.settle(pending, None).or_else(|error| if error.is_conflict() { Ok(()) } else { Err(error) })
    }

    /// Ends an approval; CONFLICT where somebody was faster. What is allowed for good is written with it.
    pub(crate) fn settle(&self, pending: Pending, decision: Option<Decision>) -> Result<()> {
        let Pending { id, approval, version } = pending;
        let transaction = self.database.transaction().delete_version(PENDING, &id, version);
        let transaction = match decision {
            Some(Decision::AllowAlways) => {
                let mut stored = Stored::read(&self.database)?;
                stored.file.allow(&approval.request);
                stored.write(transaction)?
            }
            _ => transaction,
        };
        let settled = Approval { decision, ..approval };
        let ended = if decision.is_some() { SETTLED } else { LAPSED };
        transaction.put(ended, &id, &settled, now_ms().cast_signed())?.commit().map(drop)
    }

    fn forget_old(&self) -> Result<()> {
        for (name, kept) in KEPT {
            let ended = self.collection(name);
            if ended.count("")? < kept + u64::from(SLACK) {
                continue;
            }
            let oldest = ended.scan(&Range::first(SLACK, Order::RankAscending))?.documents;
            let forgotten = oldest
                .iter()
                .fold(self.database.transaction(), |transaction, document| transaction.delete(name, &document.key));
            forgotten.commit()?;
        }
        Ok(())
    }

    fn collection<'a>(&'a self, name: &'a str) -> Collection<'a> {
        self.database.collection(name)
    }
}

impl Pending {
    fn read(document: Document) -> Result<Self> {
        Ok(Self { approval: document.parse()?, version: document.version, id: document.key })
    }
}

/// Others are always faster.
pub(crate) fn busy() -> Error {
    Error::unavailable("too many approvals change at once", Some(1_000))
}
