//! `admin.sandboxes.*`: what runs in the tenants' sandboxes, and its end.

use openclaw_runtime::Killed;
use openclaw_tenancy::{Actor, AuditEvent};
use serde_json::{Value, json};

use crate::{Gateway, discover::closed_object, reply::Problem};

/// An id is longer than this only where nobody made it.
const ID_BYTES: u64 = 64;

/// How soon it is worth asking again for one that does not end.
const AGAIN_MS: u32 = 1000;

pub(super) fn kill_params() -> Value {
    let id = json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES });
    closed_object(&json!({ "sandboxId": id }), &json!(["sandboxId"]))
}

pub(super) fn list_result() -> Value {
    let (text, count) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    let limits = json!({ "wallMs": count, "memoryBytes": count, "cpuMillis": count, "pids": count });
    let usage = json!({ "wallMs": count, "cpuMs": count, "peakMemoryBytes": count });
    let sandbox = closed_object(
        &json!({
            "sandboxId": text, "tenantId": text, "agentId": text, "sessionKey": text,
            "kind": { "enum": ["workload", "terminal"] }, "mode": { "enum": ["bwrap", "docker"] },
            "pid": count, "scopeName": text, "createdAt": text,
            "resourceLimits": closed_object(&limits, &json!(["wallMs", "memoryBytes", "cpuMillis", "pids"])),
            "resourceUsage": closed_object(&usage, &json!(["wallMs", "cpuMs", "peakMemoryBytes"])),
        }),
        &json!(["sandboxId", "tenantId", "kind", "mode", "createdAt", "resourceLimits", "resourceUsage"]),
    );
    closed_object(&json!({ "sandboxes": { "type": "array", "items": sandbox } }), &json!(["sandboxes"]))
}

pub(super) fn kill_result() -> Value {
    let properties = json!({ "killed": { "const": true }, "sandboxId": { "type": "string" } });
    closed_object(&properties, &json!(["killed", "sandboxId"]))
}

pub(super) fn list(gateway: &Gateway) -> Value {
    json!({ "sandboxes": gateway.services().sandboxes.confined() })
}

/// Answers when nothing of it is left.
pub(super) async fn kill(gateway: &Gateway, actor: &Actor, params: &Value) -> Result<Value, Problem> {
    let id = params["sandboxId"].as_str().unwrap_or_default();
    let services = gateway.services();
    let found = services.sandboxes.kill(id).await;
    let killed = found.ok_or_else(|| Problem::not_found(format!("there is no sandbox {id:?}")))?;
    let (tenant, lingers) = match killed {
        Killed::Ended(tenant) => (tenant, false),
        Killed::Lingers(tenant) => (tenant, true),
    };
    let detail = json!({ "sandboxId": id });
    let event = AuditEvent { actor: actor.clone(), tenant: Some(tenant), action: "sandbox.kill", detail };
    services.audit.append(event).map_err(Problem::internal)?;
    if lingers {
        let message = "it was told to end, and something of it is there still";
        return Err(Problem::unavailable(message, Some(AGAIN_MS)));
    }
    Ok(json!({ "killed": true, "sandboxId": id }))
}
