//! `agents.delete`: an agent with its bindings and files.

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
