//! `sessions.patch`: the settings of one session.

use crate::find::check_label;
use crate::list::{Defaults, defaults, split_model};
use crate::row::{Entry, Row, entry_of};
use crate::store::{self, Session, canonical, change, publish_changed};
use openclaw_sdk::{Call, Error, Patch, Result, now_ms, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    key: String,
    #[serde(default)]
    label: Patch<String>,
    #[serde(default)]
    thinking_level: Patch<String>,
    #[serde(default)]
    verbose_level: Patch<String>,
    #[serde(default)]
    reasoning_level: Patch<String>,
    #[serde(default)]
    response_usage: Patch<String>,
    #[serde(default)]
    elevated_level: Patch<String>,
    #[serde(default)]
    exec_host: Patch<String>,
    #[serde(default)]
    exec_security: Patch<String>,
    #[serde(default)]
    exec_ask: Patch<String>,
    #[serde(default)]
    exec_node: Patch<String>,
    /// `provider/model`; null is the default again.
    #[serde(default)]
    model: Patch<String>,
    #[serde(default)]
    spawned_by: Patch<String>,
    #[serde(default)]
    spawn_depth: Patch<u32>,
    #[serde(default)]
    send_policy: Patch<String>,
    #[serde(default)]
    group_activation: Patch<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Changed {
    ok: bool,
    /// Relative to the tenant's directory.
    path: String,
    key: String,
    entry: Entry,
    resolved: Resolved,
}

/// The model that the session uses now.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Resolved {
    model_provider: Option<String>,
    model: Option<String>,
}

pub(crate) fn patch(call: &Call, params: Change) -> Result<Changed> {
    let key = canonical(&params.key)?;
    check(&params)?;
    let database = call.documents()?;
    if let Patch::Set(label) = &params.label {
        check_label(&database, &key, label)?;
    }
    let defaults = defaults(call)?;
    // A session may be given settings before its first message.
    let (entry, resolved) = change(&database, &key, |found| {
        let now = now_ms();
        let mut session = found.unwrap_or_else(|| Session::new(Row::new(&key, ulid(), now)));
        session.row.updated_at = now;
        apply(&params, &mut session);
        store::write(database.transaction(), &session)?.commit()?;
        Ok((entry_of(&session.row, &session.details)?, resolved(&session, &defaults)))
    })?;
    publish_changed(call, &key, "patch")?;
    Ok(Changed { ok: true, path: "sessions".into(), key, entry, resolved })
}

/// Values of OpenClaw's closed sets.
fn check(params: &Change) -> Result<()> {
    const THINKING: &[&str] = &["off", "minimal", "low", "medium", "high", "xhigh", "adaptive", "max"];
    let sets: [(&str, &Patch<String>, &[&str]); 9] = [
        ("thinkingLevel", &params.thinking_level, THINKING),
        ("verboseLevel", &params.verbose_level, &["off", "on", "full"]),
        ("reasoningLevel", &params.reasoning_level, &["off", "on", "stream"]),
        ("responseUsage", &params.response_usage, &["off", "tokens", "full", "on"]),
        ("elevatedLevel", &params.elevated_level, &["off", "on", "ask", "full"]),
        ("execSecurity", &params.exec_security, &["deny", "allowlist", "full"]),
        ("execAsk", &params.exec_ask, &["off", "on-miss", "always"]),
        ("sendPolicy", &params.send_policy, &["allow", "deny"]),
        ("groupActivation", &params.group_activation, &["mention", "always"]),
    ];
    for (name, patch, allowed) in sets {
        if patch.as_set().is_some_and(|value| !allowed.contains(&value.as_str())) {
            return Err(Error::invalid(format!("{name} is one of {}", allowed.join(", "))));
        }
    }
    if params.model.as_set().is_some_and(|model| model.trim().is_empty()) {
        return Err(Error::invalid("model is empty; null clears it"));
    }
    Ok(())
}

fn apply(params: &Change, session: &mut Session) {
    let row = &mut session.row;
    let details = &mut session.details;
    for (patch, field) in [
        (&params.label, &mut row.label),
        (&params.thinking_level, &mut row.thinking_level),
        (&params.verbose_level, &mut row.verbose_level),
        (&params.reasoning_level, &mut row.reasoning_level),
        (&params.response_usage, &mut row.response_usage),
        (&params.elevated_level, &mut row.elevated_level),
        (&params.send_policy, &mut row.send_policy),
        (&params.exec_host, &mut details.exec_host),
        (&params.exec_security, &mut details.exec_security),
        (&params.exec_ask, &mut details.exec_ask),
        (&params.exec_node, &mut details.exec_node),
        (&params.spawned_by, &mut details.spawned_by),
        (&params.group_activation, &mut details.group_activation),
    ] {
        patch.clone().apply_to(field);
    }
    params.spawn_depth.clone().apply_to(&mut details.spawn_depth);
    if params.model != Patch::Keep {
        let (provider, model) = params.model.as_set().map(|name| split_model(name)).unwrap_or_default();
        row.model_provider.clone_from(&provider);
        row.model.clone_from(&model);
        details.provider_override = provider;
        details.model_override = model;
    }
}

fn resolved(session: &Session, defaults: &Defaults) -> Resolved {
    let row = &session.row;
    match &row.model {
        Some(_) => Resolved { model_provider: row.model_provider.clone(), model: row.model.clone() },
        None => Resolved { model_provider: defaults.model_provider.clone(), model: defaults.model.clone() },
    }
}
