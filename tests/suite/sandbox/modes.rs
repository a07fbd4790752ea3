//! The mode of a workload: the gateway, the tenant, the agent and the call choose, each the same or a stricter one.
//!
//! Here is no engine: what is to run by Docker is refused as not there, which tells that it was to.

use super::shell;
use crate::{
    chat::{ended, history, talking_with, to_main},
    contract::*,
};

const NO_ENGINE: &str = "sandbox: {docker_socket: /nowhere/docker.sock}\n";

fn wants_docker(error: &RpcError) -> bool {
    error.name() == "UNAVAILABLE" && error.message.contains("the mode docker is not available")
}

#[test]
fn a_tenant_chooses_the_stricter_mode_and_its_calls_no_looser_one() {
    let daemon = Daemon::start_with(NO_ENGINE);
    let (acme, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    acme.done("config.patch", json!({ "raw": "{sandbox: {mode: docker}}" }));
    let error = acme.err("sandbox.run", shell("true"));
    assert!(wants_docker(&error), "{error}");
    let error = acme.err("terminal.spawn", json!({}));
    assert!(wants_docker(&error), "{error}");
    for (method, params) in [
        ("sandbox.run", json!({ "command": ["true"], "mode": "bwrap" })),
        ("terminal.spawn", json!({ "sandbox": "bwrap" })),
    ] {
        let error = acme.err(method, params);
        assert_eq!(error.name(), "FORBIDDEN", "{error}");
        let expected = "the mode bwrap is less strict than docker, which the tenant's sandbox.mode chooses";
        assert_eq!(error.message, expected);
    }
    assert_eq!(acme.ok("sandbox.info", json!({}))["mode"], "docker");
    assert_eq!(other.ok("sandbox.run", shell("true"))["mode"], "bwrap", "another tenant is not concerned");
}

#[test]
fn a_tenant_does_not_loosen_what_the_gateway_chose() {
    let daemon = Daemon::start_with("sandbox: {mode: docker, docker_socket: /nowhere/docker.sock}\n");
    let acme = daemon.tenant("acme");
    let error = acme.err("config.patch", json!({ "raw": "{sandbox: {mode: bwrap}}" }));
    assert_eq!(error.data["offences"][0]["path"], "sandbox.mode", "{error}");
    let error = acme.err("sandbox.run", json!({ "command": ["true"], "mode": "bwrap" }));
    assert!(error.message.contains("which the gateway's sandbox.mode chooses"), "{error}");
}

#[test]
fn an_agents_mode_binds_its_commands_and_its_terminals() {
    let agents = "agents: {list: [{id: main, sandbox: {backend: docker}}, {id: quick}]}\n";
    let daemon = talking_with(&format!("{NO_ENGINE}{agents}"));
    let acme = daemon.tenant("acme");
    let error = acme.err("terminal.open", json!({ "cols": 80, "rows": 24 }));
    assert!(wants_docker(&error), "{error}");
    let error = acme.err("terminal.spawn", json!({ "sandbox": "bwrap" }));
    assert!(error.message.contains("which the agent's sandbox.backend chooses"), "{error}");
    acme.done("terminal.open", json!({ "cols": 80, "rows": 24, "agentId": "quick" }));
    assert_eq!(acme.ok("sandbox.run", shell("true"))["mode"], "bwrap", "that is no agent's");
    // The model is told why, and has no output to go by.
    acme.done("chat.send", to_main("1", "run it"));
    assert_eq!(ended(&acme, "1")["status"], "ok");
    let said = history(&acme);
    assert!(said.iter().any(|(_, text)| text.contains("the mode docker is not available")), "{said:?}");
    assert!(!said.iter().any(|(_, text)| text.contains("OUTPUT of 42")), "{said:?}");
}
