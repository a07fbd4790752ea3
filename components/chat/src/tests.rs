//! Runs as a client sees them, with a scripted model and the other families played.

mod aborts;
mod lanes;
mod narrowing;
mod skills;
mod turns;

use crate::handler::HANDLER;
use openclaw_sdk::documents::Database;
use openclaw_sdk::sandbox::{Outcome, ResourceUsage, Workload};
use openclaw_sdk::testing::{Said, Tenant};
use openclaw_sdk::{Error, Result};
use serde_json::{Value, json};

const MAIN: &str = "agent:main:main";

/// A tenant whose model answers by this script.
fn tenant(script: impl IntoIterator<Item = Said>) -> Tenant {
    played(Tenant::new(HANDLER)).with_script(script)
}

/// Plays the families that a run needs: a session is made with an id of its key, agents have one file.
fn played(tenant: Tenant) -> Tenant {
    let sessions = tenant.database("sessions");
    tenant
        .with_method("sessions.create", move |params| create(&sessions, params))
        .with_method("agents.files.list", |_| {
            Ok(json!({ "files": [{ "name": "SOUL.md", "missing": false }, { "name": "USER.md", "missing": true }] }))
        })
        .with_method("agents.files.get", |params| {
            Ok(json!({ "file": { "name": params["name"], "missing": false, "content": "You are kind." } }))
        })
}

fn create(sessions: &Database, params: &Value) -> Result<Value> {
    let key = params["key"].as_str().ok_or_else(|| Error::invalid("key"))?;
    let id = format!("id of {key}");
    let row = json!({ "key": key, "kind": "direct", "updatedAt": 1, "sessionId": id });
    sessions.transaction().insert("sessions", key, &row, 1)?.commit()?;
    Ok(json!({ "ok": true, "key": key, "sessionId": id, "entry": {} }))
}

fn ask(tenant: &Tenant, id: &str, message: &str) -> Value {
    tenant.call("agent", json!({ "message": message, "idempotencyKey": id })).unwrap()
}

fn send(tenant: &Tenant, id: &str, message: &str) -> Value {
    tenant.call("chat.send", json!({ "sessionKey": MAIN, "message": message, "idempotencyKey": id })).unwrap()
}

/// How a run stands, by the method that tells.
fn status(tenant: &Tenant, id: &str) -> String {
    let waited: Value = tenant.call("agent.wait", json!({ "runId": id, "timeoutMs": 0 })).unwrap();
    waited["status"].as_str().unwrap().to_owned()
}

/// The lines of the main session's transcript.
fn lines(tenant: &Tenant) -> Vec<Value> {
    lines_of(tenant, MAIN)
}

#[allow(clippy::disallowed_methods, reason = "what the handler under test wrote")]
fn lines_of(tenant: &Tenant, session: &str) -> Vec<Value> {
    let log = tenant.database("sessions").read_log(&format!("transcript:id of {session}"), 0, 1000).unwrap();
    log.iter().map(|entry| serde_json::from_slice(&entry.value).unwrap()).collect()
}

/// Who said what in the main session: role and text of each message.
fn said(tenant: &Tenant) -> Vec<(String, String)> {
    said_in(tenant, MAIN)
}

fn said_in(tenant: &Tenant, session: &str) -> Vec<(String, String)> {
    let message = |line: Value| {
        let message = line.get("message")?.clone();
        let texts = message["content"].as_array()?.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>();
        Some((message["role"].as_str()?.to_owned(), texts.join("|")))
    };
    lines_of(tenant, session).into_iter().filter_map(message).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// The events of a name, in their order.
fn events(tenant: &Tenant, name: &str) -> Vec<Value> {
    tenant.events().into_iter().filter(|event| event.name == name).map(|event| event.payload).collect()
}

/// A sandbox in which a command ends well, having written what it was.
fn echo(workload: &Workload) -> Result<Outcome> {
    Ok(Outcome {
        exit_code: Some(0),
        signal: None,
        reason: "exit".into(),
        stdout: workload.command.join(" ").into_bytes(),
        stderr: Vec::new(),
        truncated: false,
        usage: ResourceUsage { cpu_ms: 1, peak_memory_bytes: 1, wall_ms: 1 },
        mode: "bwrap".into(),
    })
}
