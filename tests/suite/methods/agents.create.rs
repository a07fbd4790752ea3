//! `agents.create`: a new agent; its id follows from its name.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.create", |_| json!({ "name": "helper" }));
}

#[test]
fn answers_its_id_and_where_its_files_are() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let agent = tenant.ok("agents.create", json!({ "name": "Night Owl", "workspace": "/etc", "model": "stub/one" }));
    assert_eq!(
        agent,
        json!({ "ok": true, "agentId": "night-owl", "name": "Night Owl", "workspace": "agents/night-owl" })
    );
    assert!(daemon.home().tenant("acme").join("agents/night-owl/IDENTITY.md").is_file());
    let config = tenant.ok("config.get", json!({}));
    assert!(!config.to_string().contains("/etc"), "the workspace that a client sends is not used: {config}");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    for name in ["helper", "Helper", "main", "MAIN"] {
        let error = tenant.err("agents.create", json!({ "name": name }));
        assert_eq!((error.code, error.name()), (-32009, "CONFLICT"), "{name}: {error}");
    }
}

#[test]
fn hostile_names_make_harmless_ids_or_none() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for name in ["../../etc", "a/b", "..", "/", "\u{202e}evil", "x\u{0000}y", "   ", ""] {
        match tenant.call("agents.create", json!({ "name": name })) {
            Ok(agent) => {
                let id = agent["agentId"].as_str().expect("agentId");
                assert!(
                    id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)),
                    "{name:?} made {id:?}"
                );
            }
            Err(error) => assert_eq!(error.code, -32602, "{name:?}: {error}"),
        }
    }
}

#[test]
fn the_gateways_agents_are_not_copied_into_the_overlay() {
    let daemon = Daemon::start_with("agents:\n  list:\n    - {id: house, name: House}\n");
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "own" }));
    let parsed = tenant.ok("config.get", json!({}))["parsed"].clone();
    assert_eq!(pluck(&parsed["agents"]["list"], "id"), ["own"]);
}

#[test]
fn without_a_tenant_nothing_is_written() {
    let daemon = Daemon::start();
    let before = daemon.operator().ok("config.get", json!({}))["hash"].clone();
    let error = daemon.operator().err("agents.create", json!({ "name": "Ada" }));
    assert!(error.code == -32602 && error.to_string().contains("tenant"), "{error}");
    assert_eq!(daemon.operator().ok("config.get", json!({}))["hash"], before);
}
