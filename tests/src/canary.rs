//! A mark in every place where a tenant can keep something.

use std::fs;

use serde_json::json;

use crate::{Daemon, Tenant};

/// Plants `mark` everywhere as the tenant: sessions, transcripts, agents, their
/// files, what they remember and may run, settings, configuration, and plain files in every folder of its directory.
pub fn plant(daemon: &Daemon, tenant: &Tenant, mark: &str) {
    let key = session_key(mark);
    tenant.done("sessions.create", json!({ "key": key, "label": mark }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": format!("said {mark}") }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": format!("more {mark}"), "label": mark }));
    tenant.done("agents.create", json!({ "name": mark, "emoji": mark }));
    for name in ["AGENTS.md", "SOUL.md", "MEMORY.md"] {
        tenant.done("agents.files.set", json!({ "agentId": "main", "name": name, "content": format!("text {mark}") }));
    }
    tenant.done("memory.put", json!({ "path": "memory/canary.md", "text": format!("remembered {mark}") }));
    tenant.done("voicewake.set", json!({ "triggers": [mark] }));
    let allowed = json!({ "main": { "allowlist": [{ "pattern": format!("echo {mark}") }] } });
    tenant.done("exec.approvals.set", json!({ "file": { "version": 1, "agents": allowed } }));
    tenant.done("config.patch", json!({ "raw": json!({ "ui": { "assistant": { "name": mark } } }).to_string() }));
    daemon.operator().done("tenants.update", json!({ "tenantId": tenant.id, "displayName": mark }));
    let directory = daemon.home().tenant(&tenant.id);
    for folder in [
        "sessions",
        "memory",
        "plugins",
        "sandbox/work",
        "cron",
        "channels",
        "agents/main",
        "devices",
        "nodes",
        "settings",
    ] {
        let folder = directory.join(folder);
        fs::create_dir_all(&folder).expect("a folder of the tenant");
        fs::write(folder.join("canary.txt"), mark).expect("a file of the tenant");
    }
}

/// The key of the session that holds the mark.
#[must_use]
pub fn session_key(mark: &str) -> String {
    format!("agent:main:direct:{}", mark.to_lowercase())
}
