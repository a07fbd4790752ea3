//! `sandbox.info`: the modes there are, and what a tenant gets.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sandbox.info", |_| json!({}));
}

#[test]
fn tells_of_each_limit_how_well_it_is_kept() {
    let daemon = Daemon::start();
    let info = daemon.tenant("acme").ok("sandbox.info", json!({}));
    has_fields(&info, "mode modes limits concurrent network readOnly strict");
    has_fields(&info["limits"], "wallMs outputBytes memoryBytes pids cpuMillis");
    assert_eq!((&info["mode"], &info["network"]), (&json!("bwrap"), &json!("none")));
    let modes = info["modes"].as_array().expect("modes");
    let bwrap = modes.iter().find(|mode| mode["mode"] == "bwrap").expect("bwrap");
    has_fields(bwrap, "mode available version system limits notes");
    assert!(bwrap["system"].as_str().is_some_and(|system| system.starts_with("tree:")), "{bwrap}");
    let kept = bwrap["limits"].as_object().expect("limits");
    for limit in ["memory", "cpu", "pids", "wall", "output", "files", "fileSize", "tmp", "binds"] {
        let how = kept[limit].as_str().unwrap_or_default();
        assert!(["enforced", "approximated", "unavailable"].contains(&how), "{limit}: {how}");
    }
    assert_eq!(kept["wall"], "enforced");
}

#[test]
fn a_mode_that_is_not_here_is_told_without_a_word_of_the_machine() {
    let daemon = Daemon::start_with("sandbox: {mode: docker, docker_socket: /nowhere/docker.sock}\n");
    let tenant = daemon.tenant("acme");
    let info = tenant.ok("sandbox.info", json!({}));
    assert_eq!(info["modes"], json!([{ "mode": "docker", "available": false, "notes": [] }]));
    let error = tenant.err("sandbox.run", json!({ "command": ["true"] }));
    assert_eq!(error.name(), "UNAVAILABLE", "{error}");
    assert!(!error.message.contains("/nowhere"), "{error}");
    let weaker = tenant.err("sandbox.run", json!({ "command": ["true"], "mode": "bwrap" }));
    assert_eq!(weaker.name(), "FORBIDDEN", "{weaker}");
}

#[test]
fn tells_a_tenants_own_limits() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.patch", json!({ "raw": "{sandbox: {memory_limit_mb: 64, cpu_quota: 0.25}}" }));
    let quotas = json!({ "sandbox": { "pids": 9 }, "sandbox_seconds_per_day": 30 });
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    let limits = tenant.ok("sandbox.info", json!({}))["limits"].clone();
    let expected = json!({
        "memoryBytes": 64 << 20, "cpuMillis": 250, "pids": 9, "wallMs": 30_000, "outputBytes": 1 << 20,
    });
    assert_eq!(limits, expected);
}
