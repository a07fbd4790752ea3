//! `sessions.create`: a new session, or the one that has the key already.

use crate::find::check_label;
use crate::list::split_model;
use crate::row::{Entry, Row, entry_of};
use crate::store::{self, Session, canonical, change, no_session, publish_changed, read_row};
use crate::transcript;
use openclaw_sdk::agents::MAIN;
use openclaw_sdk::documents::{Database, Transaction};
use openclaw_sdk::{Call, Error, Result, now_ms, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Create {
    /// `agent:<agentId>:direct:<ulid>` when there is none.
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    label: Option<String>,
    /// `provider/model`.
    #[serde(default)]
    model: Option<String>,
    /// Accepted and kept with the session.
    #[serde(default)]
    catalog_id: Option<String>,
    #[serde(default)]
    parent_session_key: Option<String>,
    /// Begins with the transcript of the parent.
    #[serde(default)]
    fork: bool,
    /// Accepted, not used: there are no command hooks.
    #[serde(default, rename = "emitCommandHooks")]
    _emit_command_hooks: bool,
    /// Accepted and kept with the session.
    #[serde(default)]
    succeeds_parent: Option<bool>,
    /// What the agent is to do first; the message goes before it.
    #[serde(default)]
    task: Option<String>,
    /// The first message of the user.
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    worktree: bool,
    #[serde(default)]
    worktree_base_ref: Option<String>,
    #[serde(default)]
    worktree_name: Option<String>,
    #[serde(default)]
    exec_node: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Created {
    ok: bool,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    entry: Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_started: Option<bool>,
    /// Why no run was started, `{code, message}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_error: Option<Value>,
}

pub(crate) fn create(call: &Call, params: Create) -> Result<Created> {
    if params.worktree || params.worktree_base_ref.is_some() || params.worktree_name.is_some() {
        return Err(Error::invalid("worktrees are not available: leave out worktree"));
    }
    let database = call.documents()?;
    if let Some(agent) = &params.agent_id {
        call.config()?.agents()?.get(agent)?;
    }
    let key = key_of(&params)?;
    let parent = parent_of(&database, &params)?;
    if let Some(label) = &params.label {
        check_label(&database, &key, label)?;
    }
    let (row, entry) = change(&database, &key, |found| {
        let is_new = found.is_none();
        let session = apply(&params, &key, parent.as_ref(), found);
        let mut transaction = store::write(database.transaction(), &session)?;
        if let (true, true, Some(parent)) = (params.fork, is_new, &parent) {
            transaction = fork(&database, transaction, &session, parent)?;
        }
        transaction.commit()?;
        Ok((session.row.clone(), entry_of(&session.row, &session.details)?))
    })?;
    publish_changed(call, &key, "create")?;
    let first = params.message.as_ref().or(params.task.as_ref());
    let began = first.map(|message| begin_run(call, &key, message));
    Ok(Created {
        ok: true,
        key,
        session_id: row.session_id,
        entry,
        run_started: began.as_ref().map(Result::is_ok),
        run_error: began.and_then(Result::err).map(|error| json!({"code": error.code, "message": error.message})),
    })
}

/// Hands the session's agent its first message.
fn begin_run(call: &Call, key: &str, message: &str) -> Result<()> {
    let params = json!({"key": key, "message": message});
    call.methods()?.call::<Value>("sessions.send", &params).map(drop)
}

fn key_of(params: &Create) -> Result<String> {
    match (&params.key, &params.agent_id) {
        (Some(key), None) => canonical(key),
        (Some(key), Some(agent)) => {
            let key = canonical(key)?;
            let belongs = !key.starts_with("agent:") || key.starts_with(&format!("agent:{agent}:"));
            belongs.then_some(key).ok_or_else(|| Error::invalid(format!("the key is not one of the agent {agent}")))
        }
        (None, agent) => {
            let agent = agent.as_deref().unwrap_or(MAIN);
            Ok(format!("agent:{agent}:direct:{}", ulid()))
        }
    }
}

fn parent_of(database: &Database, params: &Create) -> Result<Option<Row>> {
    let Some(key) = &params.parent_session_key else {
        return match params.fork {
            true => Err(Error::invalid("fork needs parentSessionKey")),
            false => Ok(None),
        };
    };
    let key = canonical(key)?;
    let parent = read_row(database, &key)?.ok_or_else(|| no_session(&key))?;
    Ok(Some(parent))
}

fn apply(params: &Create, key: &str, parent: Option<&Row>, found: Option<Session>) -> Session {
    let now = now_ms();
    let mut session = found.unwrap_or_else(|| Session::new(Row::new(key, ulid(), now)));
    session.row.updated_at = now;
    if params.label.is_some() {
        session.row.label.clone_from(&params.label);
    }
    if let Some(model) = &params.model {
        (session.row.model_provider, session.row.model) = split_model(model);
        session.details.provider_override.clone_from(&session.row.model_provider);
        session.details.model_override.clone_from(&session.row.model);
    }
    let details = &mut session.details;
    if let Some(parent) = parent {
        details.parent_session_key = Some(parent.key.clone());
    }
    if params.exec_node.is_some() {
        details.exec_node.clone_from(&params.exec_node);
    }
    if params.cwd.is_some() {
        details.cwd.clone_from(&params.cwd);
    }
    if let Some(catalog) = &params.catalog_id {
        details.rest.insert("catalogId".into(), catalog.clone().into());
    }
    if let Some(succeeds) = params.succeeds_parent {
        details.rest.insert("succeedsParent".into(), succeeds.into());
    }
    session
}

/// Adds a copy of the parent's transcript under a header of its own.
fn fork<'a>(
    database: &Database,
    transaction: Transaction<'a>,
    session: &Session,
    parent: &Row,
) -> Result<Transaction<'a>> {
    let (Some(log), Some(id), Some(parent_id)) = (session.log(), &session.row.session_id, &parent.session_id) else {
        return Ok(transaction);
    };
    let cwd = session.details.cwd.as_deref();
    let mut lines = vec![transcript::header(id, session.row.updated_at, cwd, Some(parent_id))?];
    transcript::for_each_page(database, &transcript::log_of(parent_id), |page| {
        let is_first = lines.len() == 1;
        let body = page.into_iter().skip(usize::from(is_first));
        lines.extend(body.map(|entry| entry.value));
        Ok(())
    })?;
    Ok(transaction.append(&log, lines))
}
