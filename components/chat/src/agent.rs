//! `agent`: a message, and the answer. And the task that takes the turn of a session's next run.

use crate::lane::{Entered, Lanes};
use crate::run::{self, Run, Status, Usage};
use crate::session::{canonical, shorten};
use crate::settings::{Agent, Queue, agent_of};
use crate::tools::spawn::report;
use crate::{turn, wait};
use openclaw_sdk::agents::MAIN;
use openclaw_sdk::tasks::Claim;
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest message.
const MESSAGE_BYTES: usize = 512 << 10;

/// What a call that waits keeps of its time for its answer.
const FOR_THE_ANSWER: Duration = Duration::from_secs(2);

const SUMMARY: usize = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ask {
    message: String,
    /// The id of the run, which is run once.
    idempotency_key: String,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    /// The main session of the agent where it is left out.
    #[serde(default)]
    session_key: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    /// Of a channel's: none is connected, so only false.
    #[serde(default)]
    deliver: bool,
    /// Not available: only an empty list.
    #[serde(default)]
    attachments: Vec<Value>,
    /// Seconds.
    #[serde(default)]
    timeout: Option<u64>,
    /// For this message alone.
    #[serde(default)]
    extra_system_prompt: Option<String>,
    /// Of the session, where it is made.
    #[serde(default)]
    label: Option<String>,
    /// Accepted, not used, as all that follows: where an answer goes is the caller's to know.
    #[serde(default, rename = "to")]
    _to: Option<String>,
    #[serde(default, rename = "replyTo")]
    _reply_to: Option<String>,
    #[serde(default, rename = "channel")]
    _channel: Option<String>,
    #[serde(default, rename = "replyChannel")]
    _reply_channel: Option<String>,
    #[serde(default, rename = "accountId")]
    _account_id: Option<String>,
    #[serde(default, rename = "replyAccountId")]
    _reply_account_id: Option<String>,
    #[serde(default, rename = "threadId")]
    _thread_id: Option<String>,
    #[serde(default, rename = "groupId")]
    _group_id: Option<String>,
    #[serde(default, rename = "groupChannel")]
    _group_channel: Option<String>,
    #[serde(default, rename = "groupSpace")]
    _group_space: Option<String>,
    #[serde(default, rename = "lane")]
    _lane: Option<String>,
    #[serde(default, rename = "inputProvenance")]
    _input_provenance: Option<Value>,
    #[serde(default, rename = "spawnedBy")]
    _spawned_by: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Answered {
    run_id: String,
    /// `ok` or `error`.
    status: &'static str,
    /// The first words of the answer, or what went wrong.
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Answer>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Answer {
    payloads: Vec<Payload>,
    meta: Meta,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Payload {
    text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Meta {
    duration_ms: u64,
    aborted: bool,
    stop_reason: String,
    session_key: String,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    usage: Spent,
}

/// The model calls of the run, to the digit of their rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Spent {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    /// Among the output.
    reasoning: u64,
    total_tokens: u64,
    cost_usd: String,
}

pub(crate) fn agent(call: &Call, params: Ask) -> Result<Answered> {
    let lanes = Lanes::open(call)?;
    if let Some(claim) = lanes.tasks.inherited() {
        return task(&lanes, params.session_key.as_deref().unwrap_or_default(), claim);
    }
    let run = params.into_run(call)?;
    let (id, asked) = (run.id.clone(), run.asked.clone());
    match lanes.enter(run, Queue::read(call)?.most)? {
        Entered::Turn(claim, first) if first.id == id => return work(&lanes, *first, claim),
        // One that was left behind goes first.
        Entered::Turn(claim, first) => lanes.start(&first.session_key, claim)?,
        Entered::Known(known) => known.check_same(&asked)?,
        Entered::Waits => {}
    }
    let patience = Duration::from_millis(call.remaining_ms()).saturating_sub(FOR_THE_ANSWER);
    match wait::until_ended(&lanes, &id, patience)? {
        Some(run) => Ok(Answered::of(&run)),
        None => Err(Error::unavailable(format!("the run {id} goes on: wait for it by agent.wait"), Some(1_000))),
    }
}

/// Takes the turn of a session's current run, as a task.
fn task(lanes: &Lanes<'_>, session_key: &str, claim: Claim) -> Result<Answered> {
    match lanes.current(session_key)? {
        Some(run) => work(lanes, run, claim),
        None => Err(Error::not_found(format!("nothing waits for its turn in {session_key}"))),
    }
}

/// Takes a run's turn, and passes the lane on.
fn work(lanes: &Lanes<'_>, run: Run, claim: Claim) -> Result<Answered> {
    let key = run.session_key.clone();
    let (run, error) = turn::take(lanes, run);
    let reported = report(lanes, &run);
    lanes.pass_on(&key, claim)?;
    reported?;
    match error {
        // With all that the host knows of it: which quota, and when to come back.
        Some(error) if error.code == "QUOTA_EXCEEDED" => Err(error),
        _ => Ok(Answered::of(&run)),
    }
}

impl Ask {
    fn into_run(self, call: &Call) -> Result<Run> {
        check_message(&self.message, &self.attachments, self.deliver)?;
        run::check_id(&self.idempotency_key)?;
        let key = self.key(call)?;
        Agent::read(call, agent_of(&key))?;
        if self.label.is_some() {
            crate::session::Session::open(call, &key, self.label.as_deref())?;
        }
        Ok(Run {
            thinking: self.thinking,
            extra_system_prompt: self.extra_system_prompt,
            timeout_ms: self.timeout.map(|seconds| seconds.saturating_mul(1000)),
            ..Run::new(self.idempotency_key, key, self.message)
        })
    }

    fn key(&self, call: &Call) -> Result<String> {
        let key = match (&self.session_key, &self.session_id) {
            (Some(key), _) => canonical(key)?,
            (None, Some(id)) => {
                let found: Value = call.methods()?.call("sessions.resolve", &json!({ "sessionId": id }))?;
                canonical(found["key"].as_str().unwrap_or_default())?
            }
            (None, None) => format!("agent:{}:main", self.agent_id.as_deref().unwrap_or(MAIN)),
        };
        check_agent(&key, self.agent_id.as_deref())?;
        Ok(key)
    }
}

/// Refuses the session of another agent than the one that is named.
pub(crate) fn check_agent(key: &str, agent: Option<&str>) -> Result<()> {
    match agent {
        Some(agent) if agent_of(key) != agent => {
            Err(Error::invalid(format!("the session is not one of the agent {agent}")))
        }
        _ => Ok(()),
    }
}

/// Refuses a message that cannot be answered.
pub(crate) fn check_message(message: &str, attachments: &[Value], deliver: bool) -> Result<()> {
    if message.trim().is_empty() {
        return Err(Error::invalid("the message is empty"));
    }
    if message.len() > MESSAGE_BYTES {
        return Err(Error::invalid(format!("the message is longer than {MESSAGE_BYTES} bytes")));
    }
    if !attachments.is_empty() {
        return Err(Error::invalid("attachments are not available: put files into the workspace"));
    }
    match deliver {
        true => Err(Error::invalid("no channel is connected to deliver an answer to: leave out deliver")),
        false => Ok(()),
    }
}

impl Answered {
    fn of(run: &Run) -> Self {
        let outcome = run.outcome.as_ref();
        let text = outcome.map(|outcome| outcome.text.clone()).unwrap_or_default();
        Self {
            run_id: run.id.clone(),
            status: if run.status == Status::Ok { "ok" } else { "error" },
            summary: run.error.clone().unwrap_or_else(|| shorten(&text, SUMMARY)),
            result: outcome.map(|outcome| Answer {
                payloads: if text.is_empty() { Vec::new() } else { vec![Payload { text }] },
                meta: Meta {
                    duration_ms: run.ended_at.zip(run.started_at).map_or(0, |(end, start)| end.saturating_sub(start)),
                    aborted: run.status == Status::Aborted,
                    stop_reason: outcome.stop_reason.clone(),
                    session_key: run.session_key.clone(),
                    session_id: outcome.session_id.clone(),
                    provider: outcome.provider.clone(),
                    model: outcome.model.clone(),
                    usage: outcome.usage.clone().into(),
                },
            }),
        }
    }
}

impl From<Usage> for Spent {
    fn from(usage: Usage) -> Self {
        let Usage { input, output, cache_read, cache_write, reasoning, total_tokens, cost_usd } = usage;
        Self { input, output, cache_read, cache_write, reasoning, total_tokens, cost_usd }
    }
}
