//! `exec.approval.request`: asks whether a command may be run, and waits for the answer.
//!
//! The same id again joins who asked first. With `twoPhase` the answer is not waited for: it comes by the event
//! `exec.approval.resolved`, or to who asks again by the same id.

use crate::approvals::{Approval, Approvals, Decision, Pending};
use crate::file::Stored;
use crate::place::Place;
use crate::question::Question;
use crate::text;
use openclaw_sdk::{Call, Error, Result, now_ms, sleep, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an answer is waited for where nobody says how long, and at most.
const PATIENCE_MS: u64 = 120_000;
const PATIENCE_MOST_MS: u64 = 1_800_000;

/// What a call needs for its own last steps.
const LAST_STEPS_MS: u64 = 1_000;

/// It is looked again after a twentieth of the time that was waited, within these.
const PAUSE_LEAST_MS: u64 = 20;
const PAUSE_MOST_MS: u64 = 2_000;
const SHARE: u64 = 20;

/// The longest id of a client's.
const ID_BYTES: usize = 128;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Request {
    command: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    security: Option<String>,
    #[serde(default)]
    ask: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    resolved_path: Option<String>,
    #[serde(default)]
    session_key: Option<String>,
    /// 120,000 unless it is said, 1,800,000 at most.
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// Answers at once; the same id again waits.
    #[serde(default)]
    two_phase: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Answer {
    id: String,
    /// Null where nobody has decided.
    decision: Option<Decision>,
    created_at_ms: u64,
    expires_at_ms: u64,
}

/// What the tenant's connections are told, and whoever looks what waits.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Requested {
    id: String,
    request: Question,
    created_at_ms: u64,
    expires_at_ms: u64,
}

pub(crate) fn request(call: &Call, params: Request) -> Result<Answer> {
    let id = params.id.clone().map_or_else(|| Ok(ulid()), checked)?;
    let is_two_phase = params.two_phase == Some(true);
    let patience = params.patience(call, is_two_phase);
    let request = params.question()?;
    let approvals = Approvals::open(call)?;
    let (now, decision) = (now_ms(), None);
    let asked = Approval { request, created_at_ms: now, expires_at_ms: now + patience, is_two_phase, decision };
    if approvals.pending(&id)?.is_none() {
        if let Some(ended) = approvals.settled(&id)? {
            return ended.of(&id, &asked.request).map(|ended| Answer::of(id, ended));
        }
        if is_allowed_for_good(&approvals, &asked.request)? {
            return Ok(Answer::of(id, Approval { decision: Some(Decision::AllowAlways), ..asked }));
        }
    }
    let (place, known) = {
        let _turn = approvals.turn()?;
        // Taken before anybody can look who waits, and given back so by who will not.
        let place = if is_two_phase { None } else { Some(Place::take(&approvals.tasks, &id)?) };
        let known = approvals.add(&id, &asked)?.map(|known| known.of(&id, &asked.request)).transpose()?;
        (place, known)
    };
    let approval = match known {
        Some(known) => known,
        None => {
            call.events()?.publish("exec.approval.requested", &Requested::of(id.clone(), asked.clone()))?;
            asked
        }
    };
    let approval = match place {
        None => approval,
        Some(_place) => wait(&approvals, &id, now + patience)?,
    };
    Ok(Answer::of(id, approval))
}

impl Request {
    /// How long this call waits. Who comes back for the answer is not bound by this call's time.
    fn patience(&self, call: &Call, is_two_phase: bool) -> u64 {
        let asked = self.timeout_ms.unwrap_or(PATIENCE_MS).min(PATIENCE_MOST_MS);
        if is_two_phase { asked } else { asked.min(call.remaining_ms().saturating_sub(LAST_STEPS_MS)) }
    }

    fn question(self) -> Result<Question> {
        let Self { command, cwd, host, security, ask, agent_id, resolved_path, session_key, .. } = self;
        Question { command, cwd, host, security, ask, agent_id, resolved_path, session_key }.visible()
    }
}

impl Answer {
    fn of(id: String, Approval { decision, created_at_ms, expires_at_ms, .. }: Approval) -> Self {
        Self { id, decision, created_at_ms, expires_at_ms }
    }
}

impl Requested {
    fn of(id: String, Approval { request, created_at_ms, expires_at_ms, .. }: Approval) -> Self {
        Self { id, request, created_at_ms, expires_at_ms }
    }
}

impl From<Pending> for Requested {
    fn from(Pending { id, approval, .. }: Pending) -> Self {
        Self::of(id, approval)
    }
}

impl Approval {
    /// The same, where it is of this command.
    fn of(self, id: &str, request: &Question) -> Result<Self> {
        match self.request == *request {
            true => Ok(self),
            false => Err(Error::conflict(format!("the id {id} is that of another command"))),
        }
    }
}

/// An id as a client may choose it.
fn checked(id: String) -> Result<String> {
    if id.is_empty() || id.len() > ID_BYTES {
        return Err(Error::invalid(format!("id has 1 to {ID_BYTES} bytes")));
    }
    text::check("id", &id).map(|()| id)
}

/// Whether nobody has to be asked any more; then that is noted with the command.
fn is_allowed_for_good(approvals: &Approvals, question: &Question) -> Result<bool> {
    let mut stored = Stored::read(&approvals.database)?;
    if !stored.file.uses(question) {
        return Ok(false);
    }
    match stored.write(approvals.database.transaction())?.commit() {
        // Somebody changes the list: it was there when this was asked.
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(true),
    }
}

/// Waits until an approval has ended, or this time has come.
fn wait(approvals: &Approvals, id: &str, until: u64) -> Result<Approval> {
    let begun = now_ms();
    loop {
        let Some(pending) = approvals.pending(id)? else {
            let settled = approvals.settled(id)?;
            return settled.ok_or_else(|| Error::not_found(format!("the approval {id} is not known any more")));
        };
        let (now, expires) = (now_ms(), pending.approval.expires_at_ms);
        if now >= expires {
            approvals.end(pending)?;
            continue;
        }
        if now >= until {
            return Ok(pending.approval);
        }
        let pause = (now.saturating_sub(begun) / SHARE).clamp(PAUSE_LEAST_MS, PAUSE_MOST_MS);
        sleep(Duration::from_millis(pause.min(until.min(expires) - now)));
    }
}
