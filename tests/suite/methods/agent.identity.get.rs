//! `agent.identity.get`: who an agent is to its users.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agent.identity.get", |_| json!({ "agentId": "main" }));
}

#[test]
fn an_agents_name_and_signs_are_told_by_its_id_or_its_session() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "Ada", "emoji": "🦀" }));
    let expected = json!({ "agentId": "ada", "name": "Ada", "emoji": "🦀" });
    assert_eq!(tenant.ok("agent.identity.get", json!({ "agentId": "ada" })), expected);
    assert_eq!(tenant.ok("agent.identity.get", json!({ "sessionKey": "agent:ada:direct:1" })), expected);
    assert_eq!(tenant.ok("agent.identity.get", json!({}))["agentId"], "main");
    assert_eq!(tenant.err("agent.identity.get", json!({ "agentId": "nobody" })).name(), "NOT_FOUND");
}
