//! `health`: the tenant's side of the gateway in one answer.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("health", |_| json!({ "probe": true }));
}

#[test]
fn a_new_tenant_is_well_and_has_the_agent_main() {
    let daemon = Daemon::start();
    let health = daemon.tenant("acme").ok("health", json!({}));
    has_fields(
        &health,
        "ok ts durationMs channels channelOrder channelLabels heartbeatSeconds defaultAgentId agents sessions",
    );
    assert_eq!(health["ok"], true);
    is_unix_ms(&health["ts"]);
    assert!(health["durationMs"].as_f64().is_some_and(|ms| ms >= 0.0), "{health}");
    assert_eq!(health["channelOrder"], json!([]));
    assert_eq!(health["defaultAgentId"], "main");
    let [agent] = health["agents"].as_array().expect("agents").as_slice() else { panic!("{health}") };
    has_fields(agent, "agentId name isDefault heartbeat sessions");
    assert_eq!((&agent["agentId"], &agent["name"]), (&json!("main"), &json!("main")));
    assert_eq!(agent["isDefault"], true);
    assert_eq!(health["sessions"], json!({ "path": "sessions", "count": 0, "recent": [] }));
}

#[test]
fn counts_the_sessions_of_each_agent() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    for key in ["agent:main:direct:1", "agent:main:direct:2", "agent:helper:direct:3"] {
        tenant.done("sessions.create", json!({ "key": key }));
    }
    let health = tenant.ok("health", json!({}));
    assert_eq!(health["sessions"]["count"], 3);
    assert_eq!(health["sessions"]["recent"].as_array().map(Vec::len), Some(3));
    assert_eq!(health["sessions"]["recent"][0]["key"], "agent:helper:direct:3");
    let of = |id: &str| {
        let agents = health["agents"].as_array().expect("agents");
        agents.iter().find(|agent| agent["agentId"] == id).map(|agent| agent["sessions"]["count"].clone())
    };
    assert_eq!(of("main"), Some(json!(2)));
    assert_eq!(of("helper"), Some(json!(1)));
}
