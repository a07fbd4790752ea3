//! `chat.abort` and `sessions.abort`: ending what runs, and what waits.
//!
//! A run is first asked to end, and does so between two steps with what it has; one that does not hear it, because it
//! waits for a model or a command, is ended where it stands.

use crate::agent::check_agent;
use crate::lane::{Lanes, MOST_WAITING, claim_of, claim_of_run};
use crate::run::{Run, Status};
use crate::session::canonical;
use crate::teller::Teller;
use crate::turn::ON_REQUEST;
use crate::wait::until_ended;
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a run has to end by itself, and its call once it is ended.
const GRACE: Duration = Duration::from_millis(500);
const FOR_THE_CALL: Duration = Duration::from_secs(5);

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Abort {
    session_key: String,
    /// Everything of the session where it is left out, what waits too.
    #[serde(default)]
    run_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Aborted {
    ok: bool,
    aborted: bool,
    run_ids: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AbortSession {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SessionAborted {
    ok: bool,
    aborted: bool,
}

pub(crate) fn abort(call: &Call, params: Abort) -> Result<Aborted> {
    let key = canonical(&params.session_key)?;
    let run_ids = end(&Lanes::open(call)?, &key, params.run_id.as_deref())?;
    Ok(Aborted { ok: true, aborted: !run_ids.is_empty(), run_ids })
}

pub(crate) fn abort_session(call: &Call, params: AbortSession) -> Result<SessionAborted> {
    let lanes = Lanes::open(call)?;
    let key = match (&params.key, &params.run_id) {
        (Some(key), _) => canonical(key)?,
        (None, Some(id)) => match Run::find(&lanes.database, id)? {
            Some(run) => run.session_key,
            None => return Ok(SessionAborted { ok: true, aborted: false }),
        },
        (None, None) => return Err(Error::invalid("key or runId says what to end")),
    };
    check_agent(&key, params.agent_id.as_deref())?;
    let aborted = !end(&lanes, &key, params.run_id.as_deref())?.is_empty();
    Ok(SessionAborted { ok: true, aborted })
}

/// Ends one run of a session or all of them; answers which were ended.
fn end(lanes: &Lanes<'_>, key: &str, only: Option<&str>) -> Result<Vec<String>> {
    let meant = |id: &String| only.is_none_or(|only| only == id);
    let mut ended = Vec::new();
    // Those in line first, or the next would begin.
    loop {
        let runs = lanes.end_waiting(key, meant, ON_REQUEST)?;
        let are_all = runs.len() < MOST_WAITING;
        for run in runs {
            // A line that was longer once is ended whole, and told of as far as one call may.
            if ended.len() < MOST_WAITING {
                Teller::of_ended(lanes.call, &run)?.aborted(ON_REQUEST)?;
            }
            ended.push(run.id);
        }
        if are_all {
            break;
        }
    }
    let (running, _) = lanes.ids(key)?;
    if let Some(id) = running.filter(meant)
        && end_running(lanes, key, &id)?
    {
        ended.insert(0, id);
    }
    Ok(ended)
}

/// Ends the run that has its turn. False where it came to its end by itself.
fn end_running(lanes: &Lanes<'_>, key: &str, id: &str) -> Result<bool> {
    lanes.want_end(id)?;
    if let Some(run) = until_ended(lanes, id, GRACE)? {
        lanes.forget_want(id)?;
        return Ok(run.status == Status::Aborted);
    }
    if !lanes.tasks.end(&claim_of_run(id))? && lanes.ids(key)?.0.as_deref() == Some(id) {
        // Its turn has not begun.
        lanes.tasks.end(&claim_of(key))?;
    }
    let Some(claim) = lanes.tasks.claim(&claim_of(key), FOR_THE_CALL)? else {
        // It has begun its last steps, and will see that it is not wanted.
        return Ok(true);
    };
    let run = lanes.run(id)?;
    let is_aborted = !run.status.has_ended() && lanes.end_for(run, ON_REQUEST)? == Status::Aborted;
    lanes.pass_on(key, claim)?;
    Ok(is_aborted)
}
