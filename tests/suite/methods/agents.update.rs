//! `agents.update`: an agent's name, model and avatar.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.update", |stage| json!({ "agentId": stage.agent, "name": "new" }));
}

#[test]
fn changes_what_is_given_and_leaves_the_rest() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper", "emoji": "🦉", "model": "stub/one" }));
    let updated = tenant.ok("agents.update", json!({ "agentId": "helper", "name": "Butler", "workspace": "/etc" }));
    assert_eq!(updated, json!({ "ok": true, "agentId": "helper" }));
    let agent = tenant.ok("agents.list", json!({}))["agents"][1].clone();
    assert_eq!(agent["name"], "Butler");
    assert_eq!(agent["identity"]["emoji"], "🦉");
    let overlay = tenant.ok("config.get", json!({}))["parsed"].clone();
    assert_eq!(overlay["agents"]["list"][0]["model"], "stub/one");
    assert!(!overlay.to_string().contains("/etc"), "{overlay}");
}

#[test]
fn main_can_be_changed_too() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.update", json!({ "agentId": "main", "name": "Chief" }));
    assert_eq!(
        tenant.ok("agents.list", json!({}))["agents"][0],
        json!({ "id": "main", "name": "Chief", "identity": { "name": "Chief" } })
    );
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("agents.update", json!({ "agentId": "ghost", "name": "x" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}
