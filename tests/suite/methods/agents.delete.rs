//! `agents.delete`: an agent with its bindings, sessions and files.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.delete", |stage| json!({ "agentId": stage.agent }));
}

#[test]
fn takes_its_bindings_and_files_with_it() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    tenant.done("config.patch", json!({ "raw": r#"{"bindings":[{"agentId":"helper","match":{"channel":"x"}},{"agentId":"main","match":{"channel":"y"}}]}"# }));
    let deleted = tenant.ok("agents.delete", json!({ "agentId": "helper" }));
    assert_eq!(deleted, json!({ "ok": true, "agentId": "helper", "removedBindings": 1 }));
    assert_eq!(pluck(&tenant.ok("agents.list", json!({}))["agents"], "id"), ["main"]);
    assert!(!daemon.home().tenant("acme").join("agents/helper").exists());
}

#[test]
fn the_files_can_be_kept() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    tenant.done("agents.delete", json!({ "agentId": "helper", "deleteFiles": false }));
    assert!(daemon.home().tenant("acme").join("agents/helper/IDENTITY.md").is_file());
}

#[test]
fn its_sessions_go_with_it() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    tenant.done("sessions.create", json!({ "key": "agent:helper:direct:1" }));
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    tenant.done("agents.delete", json!({ "agentId": "helper" }));
    let sessions = tenant.ok("sessions.list", json!({}))["sessions"].clone();
    assert_eq!(pluck(&sessions, "key"), ["agent:main:direct:1"]);
}

/// What the family `sessions` has stored for a tenant: keys of documents and names of logs.
fn stored(daemon: &Daemon, tenant: &str) -> Vec<String> {
    // The gateway keeps the database to itself: a copy is looked at, which nothing is written to meanwhile.
    let copy = tempfile::tempdir().expect("a directory");
    for name in ["state.db", "state.db-wal"] {
        let file = daemon.home().tenant(tenant).join("sessions").join(name);
        std::fs::copy(file, copy.path().join(name)).expect("a copy");
    }
    let database = rusqlite::Connection::open(copy.path().join("state.db")).expect("the sessions' database");
    let names = "SELECT collection || ' ' || key FROM documents UNION SELECT 'log ' || log FROM logs ORDER BY 1";
    let mut statement = database.prepare(names).expect("its tables");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|name| name.expect("a name")).collect()
}

/// A session with a label, a message, an archive of a reset and one of a compaction.
fn converse(tenant: &Tenant, key: &str, mark: &str) {
    tenant.done("sessions.create", json!({ "key": key, "label": mark, "cwd": mark }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": mark }));
    tenant.done("sessions.reset", json!({ "key": key }));
    for _ in 0..3 {
        tenant.done("chat.inject", json!({ "sessionKey": key, "message": mark }));
    }
    assert_eq!(tenant.ok("sessions.compact", json!({ "key": key, "maxLines": 2 }))["compacted"], true);
}

#[test]
fn nothing_of_its_sessions_stays_and_those_of_other_agents_and_tenants_do() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    for name in ["helper", "help"] {
        a.done("agents.create", json!({ "name": name }));
    }
    b.done("agents.create", json!({ "name": "help" }));
    converse(&a, "agent:helper:direct:1", MARK);
    converse(&a, "agent:main:direct:1", "the main agent's");
    converse(&b, "agent:help:direct:1", "the other tenant's");
    let (before, of_b) = (stored(&daemon, "a"), stored(&daemon, "b"));
    converse(&a, "agent:help:direct:1", "to be forgotten");
    converse(&a, "agent:help:group:2", "to be forgotten too");
    assert!(stored(&daemon, "a").len() > before.len());
    a.done("agents.delete", json!({ "agentId": "help" }));
    assert_eq!(stored(&daemon, "a"), before, "what the deleted agent had, and nothing else");
    assert_eq!(stored(&daemon, "b"), of_b);
    let history = a.ok("chat.history", json!({ "sessionKey": "agent:helper:direct:1" }));
    assert!(history.to_string().contains(MARK), "{history}");
}

#[test]
fn hundreds_of_sessions_go_too() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    for batch in 0..7 {
        let create = |number| json!({ "jsonrpc": "2.0", "method": "sessions.create", "id": number, "params": { "key": format!("agent:helper:direct:{batch}-{number}") } });
        let _ = tenant.post_json(&json!((0..50).map(create).collect::<Vec<_>>()));
    }
    assert_eq!(tenant.ok("sessions.list", json!({ "limit": 1000 }))["count"], 350);
    tenant.done("agents.delete", json!({ "agentId": "helper" }));
    assert_eq!(stored(&daemon, "acme"), Vec::<String>::new());
}

#[test]
fn main_stays() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("agents.delete", json!({ "agentId": "main" }));
    assert_eq!(error.code, -32602, "{error}");
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("agents.delete", json!({ "agentId": "ghost" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}
