//! `agents.list`, `agents.create`, `agents.update` and `agents.delete`.

use crate::names::{FileName, id_of, workspace_of};
use crate::roster::{self, change};
use crate::sessions;
use openclaw_sdk::agents::{self, Entry, MAIN};
use openclaw_sdk::{Call, Error, NoParams, Patch, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A name, model or avatar longer than this is a mistake.
const TEXT_LIMIT: usize = 2048;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Agents {
    default_id: String,
    main_key: String,
    /// `per-sender` or `global`.
    scope: String,
    agents: Vec<Agent>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agent {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
}

#[derive(Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
struct Identity {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    /// The avatar where it is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    name: String,
    /// Accepted, not used: an agent's files are where the gateway keeps them.
    #[serde(default, rename = "workspace")]
    _workspace: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    emoji: Option<String>,
    #[serde(default)]
    avatar: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Created {
    ok: bool,
    agent_id: String,
    name: String,
    /// Relative to the tenant's directory.
    workspace: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Update {
    agent_id: String,
    #[serde(default)]
    name: Option<String>,
    /// Accepted, not used.
    #[serde(default, rename = "workspace")]
    _workspace: Option<String>,
    /// Null is the default again.
    #[serde(default)]
    model: Patch<String>,
    #[serde(default)]
    avatar: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Updated {
    ok: bool,
    agent_id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Delete {
    agent_id: String,
    #[serde(default = "yes")]
    delete_files: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Deleted {
    ok: bool,
    agent_id: String,
    /// How many bindings named the agent.
    removed_bindings: usize,
}

/// `session` of the configuration, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SessionConfig {
    main_key: Option<String>,
    scope: Option<String>,
}

pub(crate) fn list(call: &Call, _: NoParams) -> Result<Agents> {
    let settings = call.config()?;
    let agents = settings.agents()?;
    let session: SessionConfig = settings.effective("/session")?.unwrap_or_default();
    Ok(Agents {
        default_id: agents.default_id().to_owned(),
        main_key: session.main_key.unwrap_or_else(|| "main".into()),
        scope: match session.scope.as_deref() {
            Some("global") => "global".into(),
            _ => "per-sender".into(),
        },
        agents: agents.entries().iter().map(agent).collect(),
    })
}

fn agent(entry: &Entry) -> Agent {
    let mut identity: Identity =
        entry.get("identity").and_then(|identity| Identity::deserialize(identity).ok()).unwrap_or_default();
    let is_url = |text: &String| ["http://", "https://", "data:"].iter().any(|scheme| text.starts_with(scheme));
    identity.avatar_url = identity.avatar.clone().filter(is_url);
    Agent {
        id: agents::id(entry).to_owned(),
        name: entry.get("name").and_then(Value::as_str).map(str::to_owned),
        identity: (identity != Identity::default()).then_some(identity),
    }
}

pub(crate) fn create(call: &Call, params: Create) -> Result<Created> {
    let name = params.name.trim().to_owned();
    let texts = [Some(&name), params.model.as_ref(), params.emoji.as_ref(), params.avatar.as_ref()];
    texts.into_iter().flatten().try_for_each(|text| check_text(text))?;
    let id = id_of(&name)?;
    if call.config()?.agents()?.get(&id).is_ok() {
        return Err(already_there(&id));
    }
    change(call, |own| {
        if own.agent(&id).is_some() {
            return Err(already_there(&id));
        }
        own.agents.push(entry(&id, &name, &params));
        Ok(())
    })?;
    let path = format!("{id}/{}", FileName::Identity.name());
    call.files()?.write(&path, identity_file(&name, &params).as_bytes())?;
    Ok(Created { ok: true, workspace: workspace_of(&id), agent_id: id, name })
}

fn entry(id: &str, name: &str, params: &Create) -> Entry {
    let mut identity = json!({"name": name});
    let mut entry = Entry::from_iter([("id".into(), id.into()), ("name".into(), name.into())]);
    if let Some(emoji) = &params.emoji {
        identity["emoji"] = emoji.as_str().into();
    }
    if let Some(avatar) = &params.avatar {
        identity["avatar"] = avatar.as_str().into();
    }
    entry.insert("identity".into(), identity);
    if let Some(model) = &params.model {
        entry.insert("model".into(), model.as_str().into());
    }
    entry
}

/// IDENTITY.md, as OpenClaw writes it.
fn identity_file(name: &str, params: &Create) -> String {
    let lines = [("Name", Some(name)), ("Emoji", params.emoji.as_deref()), ("Avatar", params.avatar.as_deref())];
    let mut content = String::from("# IDENTITY.md\n\n");
    for (title, value) in lines {
        if let Some(value) = value {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            content.push_str(&format!("- {title}: {value}\n"));
        }
    }
    content
}

pub(crate) fn update(call: &Call, params: Update) -> Result<Updated> {
    let texts = [params.name.as_ref(), params.model.as_set(), params.avatar.as_ref()];
    texts.into_iter().flatten().try_for_each(|text| check_text(text))?;
    let id = id_of(&params.agent_id)?;
    call.config()?.agents()?.get(&id)?;
    change(call, |own| {
        if id == MAIN && own.agent(&id).is_none() {
            own.agents.insert(0, Entry::from_iter([("id".into(), MAIN.into())]));
        }
        apply(&params, own.own_agent(&id)?);
        Ok(())
    })?;
    Ok(Updated { ok: true, agent_id: id })
}

fn apply(params: &Update, entry: &mut Entry) {
    if let Some(name) = &params.name {
        entry.insert("name".into(), name.trim().into());
        set_identity(entry, "name", name.trim());
    }
    if let Some(avatar) = &params.avatar {
        set_identity(entry, "avatar", avatar);
    }
    match &params.model {
        Patch::Keep => {}
        Patch::Clear => {
            entry.remove("model");
        }
        Patch::Set(model) => {
            entry.insert("model".into(), model.as_str().into());
        }
    }
}

fn set_identity(entry: &mut Entry, member: &str, value: &str) {
    let identity = entry.entry("identity").or_insert_with(|| json!({}));
    if !identity.is_object() {
        *identity = json!({});
    }
    identity[member] = value.into();
}

pub(crate) fn delete(call: &Call, params: Delete) -> Result<Deleted> {
    let id = id_of(&params.agent_id)?;
    if id == MAIN {
        return Err(Error::invalid("the agent main cannot be deleted"));
    }
    let settings = call.config()?;
    settings.agents()?.get(&id)?;
    roster::check_own(&settings, &id)?;
    // The agent itself goes last: a deletion that was cut short can be repeated, and until then nothing is nobody's.
    sessions::delete_of(call, &id)?;
    forget_memory(call, &id)?;
    if params.delete_files {
        call.files()?.remove_all(&id)?;
    }
    let removed_bindings = change(call, |own| {
        own.own_agent(&id)?;
        own.agents.retain(|agent| agents::id(agent) != id);
        let before = own.bindings.len();
        own.bindings.retain(|binding| binding.get("agentId").and_then(Value::as_str) != Some(&*id));
        Ok(before - own.bindings.len())
    })?;
    Ok(Deleted { ok: true, agent_id: id, removed_bindings })
}

/// What it remembers, where anybody serves memories.
fn forget_memory(call: &Call, id: &str) -> Result<()> {
    match call.methods()?.call::<Value>("memory.delete", &json!({ "agentId": id, "path": "." })) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() || text.len() > TEXT_LIMIT {
        return Err(Error::invalid(format!("name, model, emoji and avatar have 1 to {TEXT_LIMIT} bytes")));
    }
    Ok(())
}

fn already_there(id: &str) -> Error {
    Error::conflict(format!("there is an agent {id} already"))
}
