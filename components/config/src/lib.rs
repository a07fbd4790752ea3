//! The tenant's configuration: an overlay over what the gateway gives all.
//!
//! Merging, checking and redacting are the host's; this family gives them the
//! shape that clients know.

use openclaw_sdk::{Call, Encoded, NoParams, Result, now_ms, rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// Reads and changes the tenant's configuration.
#[openclaw_sdk::handler(family = "config", events("config.changed"))]
mod handler {
    use super::*;

    /// The tenant's overlay and the configuration in force.
    #[method(scope = read, tier = core)]
    fn get(call: &Call, _: NoParams) -> Result<Encoded<Snapshot>> {
        Encoded::new(call.config()?.snapshot_json()?).with_member("isTenantOverlay", &is_tenant_overlay(call))
    }

    /// Replaces the tenant's overlay.
    #[method(scope = write, tier = core)]
    fn set(call: &Call, params: Set) -> Result<Written> {
        let editor = call.config_write()?;
        let changed: Changed = editor.replace(&params.raw, params.base_hash.as_deref())?;
        publish(call, &changed)?;
        Ok(Written {
            ok: true,
            path: changed.path,
            config: changed.config,
            hash: changed.hash,
            is_tenant_overlay: is_tenant_overlay(call),
        })
    }

    /// Merges a patch into the tenant's overlay; null removes a key.
    #[method(scope = write, tier = core)]
    fn patch(call: &Call, params: Patch) -> Result<Patched> {
        let editor = call.config_write()?;
        let changed: Changed = editor.patch(&params.raw, params.base_hash.as_deref())?;
        publish(call, &changed)?;
        Ok(Patched {
            ok: true,
            path: changed.path,
            config: changed.config,
            hash: changed.hash,
            is_tenant_overlay: is_tenant_overlay(call),
            restart: (),
            sentinel: (),
        })
    }

    /// The JSON Schema of what an overlay may hold.
    #[method(scope = read, tier = core)]
    fn schema(call: &Call, _: NoParams) -> Result<Schema> {
        let HostSchema { schema, ui_hints, version } = call.config()?.schema()?;
        Ok(Schema { schema, ui_hints, version, generated_at: rfc3339(now_ms()) })
    }

    fn publish(call: &Call, changed: &Changed) -> Result<()> {
        #[derive(Serialize)]
        struct Payload<'a> {
            hash: Option<&'a str>,
        }
        if call.tenant().is_none() {
            // The gateway's own configuration has nobody's connections to tell.
            return Ok(());
        }
        let hash = changed.hash.as_deref();
        call.events()?.publish("config.changed", &Payload { hash })?;
        Ok(())
    }

    /// The operator's call on the gateway itself has no tenant and no overlay.
    fn is_tenant_overlay(call: &Call) -> bool {
        call.tenant().is_some()
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Set {
    /// The whole overlay: YAML, JSON or JSON5.
    raw: String,
    /// The hash that the change was made from; CONFLICT when it is not in force any more.
    #[serde(default)]
    base_hash: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Patch {
    /// A merge patch (RFC 7396): YAML, JSON or JSON5.
    raw: String,
    #[serde(default)]
    base_hash: Option<String>,
    /// Accepted, not used: nothing restarts here.
    #[serde(default, rename = "sessionKey")]
    _session_key: Option<String>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(default, rename = "restartDelayMs")]
    _restart_delay_ms: Option<u64>,
}

/// The result of `config.get`. It is passed on from the host, not built here.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Snapshot {
    path: String,
    exists: bool,
    /// The overlay as it was written; null where there is none.
    raw: Option<String>,
    parsed: Value,
    valid: bool,
    /// In force, without what only the operator may see.
    config: Value,
    hash: Option<String>,
    issues: Vec<Value>,
    warnings: Vec<Value>,
    is_tenant_overlay: bool,
    admin_only_keys: Vec<String>,
}

/// What a change needs of the host's snapshot.
#[derive(Deserialize)]
struct Changed {
    path: String,
    config: Box<RawValue>,
    hash: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Written {
    ok: bool,
    path: String,
    #[schemars(with = "Value")]
    config: Box<RawValue>,
    hash: Option<String>,
    is_tenant_overlay: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Patched {
    ok: bool,
    path: String,
    #[schemars(with = "Value")]
    config: Box<RawValue>,
    hash: Option<String>,
    is_tenant_overlay: bool,
    /// Always null: a change is in force at once.
    restart: (),
    sentinel: (),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HostSchema {
    schema: Map<String, Value>,
    ui_hints: Map<String, Value>,
    version: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Schema {
    schema: Map<String, Value>,
    ui_hints: Map<String, Value>,
    version: String,
    generated_at: String,
}
