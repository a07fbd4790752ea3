//! `chat.send` and `sessions.send`: a message, whose answer comes by events.

use crate::agent::{check_agent, check_message};
use crate::lane::{Entered, Lanes};
use crate::run::{self, Run, Status};
use crate::session::canonical;
use crate::settings::{Agent, Queue, agent_of};
use openclaw_sdk::{Call, Result, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Send {
    session_key: String,
    message: String,
    /// The id of the run, which is run once.
    idempotency_key: String,
    #[serde(default)]
    thinking: Option<String>,
    /// To a channel: none is connected, so only false.
    #[serde(default)]
    deliver: bool,
    /// Not available: only an empty list.
    #[serde(default)]
    attachments: Vec<Value>,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SendToSession {
    key: String,
    message: String,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    /// Not available: only an empty list.
    #[serde(default)]
    attachments: Vec<Value>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// The id of the run, which is run once; a new one where it is left out.
    #[serde(default)]
    idempotency_key: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Sent {
    run_id: String,
    /// `started`; of a run that came before `in_flight`, `ok` or `error`.
    status: &'static str,
}

pub(crate) fn send(call: &Call, params: Send) -> Result<Sent> {
    check_message(&params.message, &params.attachments, params.deliver)?;
    run::check_id(&params.idempotency_key)?;
    let key = canonical(&params.session_key)?;
    let run = Run::new(params.idempotency_key, key, params.message);
    hand_in(call, Run { thinking: params.thinking, timeout_ms: params.timeout_ms, ..run })
}

pub(crate) fn send_to_session(call: &Call, params: SendToSession) -> Result<Sent> {
    check_message(&params.message, &params.attachments, false)?;
    let id = params.idempotency_key.unwrap_or_else(ulid);
    run::check_id(&id)?;
    let key = canonical(&params.key)?;
    check_agent(&key, params.agent_id.as_deref())?;
    let run = Run::new(id, key, params.message);
    hand_in(call, Run { thinking: params.thinking, timeout_ms: params.timeout_ms, ..run })
}

/// Puts a run in its session's line; where nobody is at work there, a task begins.
fn hand_in(call: &Call, run: Run) -> Result<Sent> {
    Agent::read(call, agent_of(&run.session_key))?;
    let lanes = Lanes::open(call)?;
    let sent = |status| Ok(Sent { run_id: run.id.clone(), status });
    match lanes.enter(run.clone(), Queue::read(call)?.most)? {
        Entered::Waits => sent("started"),
        Entered::Known(known) => {
            known.check_same(&run.asked)?;
            sent(match known.status {
                Status::Queued | Status::Running => "in_flight",
                Status::Ok => "ok",
                Status::Error | Status::Aborted => "error",
            })
        }
        Entered::Turn(claim, first) => match lanes.start(&run.session_key, claim) {
            Ok(()) => sent("started"),
            Err(refused) => {
                // An older one that has its turn before this is found by whoever looks next.
                if first.id == run.id {
                    lanes.withdraw(&run)?;
                }
                Err(refused)
            }
        },
    }
}
