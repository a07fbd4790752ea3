//! `agents.list`: the agents.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.list", |_| json!({}));
}

#[test]
fn a_new_tenant_has_main() {
    let daemon = Daemon::start();
    let agents = daemon.tenant("acme").ok("agents.list", json!({}));
    has_fields(&agents, "defaultId mainKey scope agents");
    assert_eq!(agents["defaultId"], "main");
    assert_eq!(agents["scope"], "per-sender");
    assert_eq!(agents["agents"], json!([{ "id": "main" }]));
}

#[test]
fn those_that_were_made_are_there_with_their_identity() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant
        .done("agents.create", json!({ "name": "Night Owl", "emoji": "🦉", "avatar": "https://example.org/owl.png" }));
    let agents = tenant.ok("agents.list", json!({}))["agents"].clone();
    assert_eq!(pluck(&agents, "id"), ["main", "night-owl"]);
    let owl = &agents[1];
    has_fields(owl, "id name? identity?");
    assert_eq!(owl["name"], "Night Owl");
    assert_eq!(owl["identity"]["emoji"], "🦉");
    assert_eq!(owl["identity"]["avatarUrl"], "https://example.org/owl.png");
}

#[test]
fn the_agents_of_the_gateways_configuration_are_everyones() {
    let daemon = Daemon::start_with("agents:\n  list:\n    - {id: house, name: House, default: true}\n");
    let agents = daemon.tenant("acme").ok("agents.list", json!({}));
    assert_eq!(agents["defaultId"], "house");
    assert!(pluck(&agents["agents"], "id").contains(&"house".to_owned()));
}
