//! `agent.wait`: until a run has ended.

use crate::lane::Lanes;
use crate::run::{Run, Status};
use openclaw_sdk::{Call, Result, monotonic_ms, sleep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long it is waited where nobody says how long.
const PATIENCE_MS: u64 = 30_000;

/// A run is looked at again after a twentieth of the time that it was waited for, within these.
const PAUSE_LEAST: Duration = Duration::from_millis(20);
const PAUSE_MOST: Duration = Duration::from_secs(2);
const SHARE: u32 = 20;

/// How often it is seen to that somebody is at work there.
const REVIVAL: Duration = Duration::from_secs(2);

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wait {
    run_id: String,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Waited {
    run_id: String,
    /// `ok`, `error`, or `timeout` where it goes on.
    status: &'static str,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn wait(call: &Call, params: Wait) -> Result<Waited> {
    let lanes = Lanes::open(call)?;
    let most = call.remaining_ms().saturating_sub(1_000);
    let patience = Duration::from_millis(params.timeout_ms.unwrap_or(PATIENCE_MS).min(most));
    let ended = until_ended(&lanes, &params.run_id, patience)?;
    let run = match ended {
        Some(run) => run,
        None => lanes.run(&params.run_id)?,
    };
    Ok(Waited {
        status: match run.status {
            Status::Ok => "ok",
            Status::Error | Status::Aborted => "error",
            Status::Queued | Status::Running => "timeout",
        },
        run_id: run.id,
        started_at: run.started_at,
        ended_at: run.ended_at,
        error: run.error,
    })
}

/// Waits for the end of a run; none where it goes on.
pub(crate) fn until_ended(lanes: &Lanes<'_>, id: &str, patience: Duration) -> Result<Option<Run>> {
    let begun = now();
    let mut looked_after = None;
    loop {
        let run = lanes.run(id)?;
        if run.status.has_ended() {
            return Ok(Some(run));
        }
        let waited = now().saturating_sub(begun);
        if looked_after.is_none_or(|last| waited.saturating_sub(last) >= REVIVAL) {
            looked_after = Some(waited);
            lanes.revive(&run.session_key)?;
            if lanes.run(id)?.status.has_ended() {
                continue;
            }
        }
        let Some(left) = patience.checked_sub(waited).filter(|left| !left.is_zero()) else { return Ok(None) };
        sleep((waited / SHARE).clamp(PAUSE_LEAST, PAUSE_MOST).min(left));
    }
}

fn now() -> Duration {
    Duration::from_secs_f64(monotonic_ms() / 1000.0)
}
