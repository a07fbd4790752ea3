//! `session_spawn`: a task for an agent in a session of its own, whose answer comes back as a message.
//!
//! A spawned session spawns none, and neither does a run that such an answer began: what a model can set going by
//! itself comes to an end.

use super::{Bench, Tool, read};
use crate::lane::{Entered, Lanes};
use crate::run::Run;
use crate::session::Session;
use crate::settings::{Agent, Queue};
use openclaw_sdk::{Error, Result, ulid};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const SESSION_SPAWN: Tool = Tool {
    name: "session_spawn",
    group: "group:sessions",
    description: "Gives a task to an agent in a session of its own, which works beside this one. Its answer comes as a \
        message to this session.",
    arguments: || {
        let text = || json!({ "type": "string" });
        (json!({ "task": text(), "label": text(), "agent_id": text() }), &["task"])
    },
    run,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    task: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
}

fn run(bench: &Bench<'_>, arguments: Value) -> Result<String> {
    let Arguments { task, label, agent_id } = read(arguments)?;
    if !bench.may_spawn {
        return Err(Error::forbidden("a session that was spawned, or hears of one that was, spawns none"));
    }
    let agent = Agent::read(bench.call, agent_id.as_deref().unwrap_or(&bench.agent))?;
    let id = ulid();
    let key = format!("agent:{}:subagent:{id}", agent.id);
    Session::open(bench.call, &key, label.as_deref())?;
    let marks = json!({ "key": key, "spawnedBy": bench.session_key, "spawnDepth": 1 });
    let _: Value = bench.call.methods()?.call("sessions.patch", &marks)?;
    let lanes = Lanes::open(bench.call)?;
    let run = Run { reports_to: Some(bench.session_key.clone()), ..Run::new(id, key.clone(), task) };
    if let Entered::Turn(claim, run) = lanes.enter(run, Queue::read(bench.call)?.most)? {
        lanes.start(&key, claim).or_else(|refused| lanes.withdraw(&run).and(Err(refused)))?;
    }
    Ok(format!("{key} is at work; its answer comes as a message"))
}

/// Tells the session that spawned a run what came of it.
pub(crate) fn report(lanes: &Lanes<'_>, run: &Run) -> Result<()> {
    let Some(parent) = &run.reports_to else { return Ok(()) };
    let said = run.outcome.as_ref().map(|outcome| outcome.text.as_str()).unwrap_or_default();
    let how = run.error.as_deref().map_or_else(String::new, |error| format!(" ({error})"));
    let message =
        format!("[The task of the session {} has ended{how}. What follows is its answer.]\n\n{said}", run.session_key);
    let report = Run { is_report: true, ..Run::new(format!("report-{}", run.id), parent.clone(), message) };
    match lanes.enter(report, Queue::read(lanes.call)?.most)? {
        Entered::Turn(claim, _) => lanes.start(parent, claim),
        Entered::Waits | Entered::Known(_) => Ok(()),
    }
}
