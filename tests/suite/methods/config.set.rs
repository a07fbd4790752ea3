//! `config.set`: replaces the overlay.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("config.set", |_| json!({ "raw": "ui: {}\n" }));
}

#[test]
fn answers_what_is_in_force_now() {
    let daemon = Daemon::start();
    let set = daemon.tenant("acme").ok("config.set", json!({ "raw": "ui:\n  theme: dark\n" }));
    has_fields(&set, "ok path config hash isTenantOverlay");
    assert_eq!(set["ok"], true);
    assert_eq!(set["path"], "config.yaml");
    assert_eq!(set["config"]["ui"]["theme"], "dark");
    assert_eq!(set["isTenantOverlay"], true);
    assert!(set["hash"].as_str().is_some_and(|hash| !hash.is_empty()));
}

#[test]
fn replaces_instead_of_merging() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark}\ntalk: {voice: x}\n" }));
    tenant.done("config.set", json!({ "raw": "ui: {theme: light}\n" }));
    assert_eq!(tenant.ok("config.get", json!({}))["parsed"], json!({ "ui": { "theme": "light" } }));
}

#[test]
fn reads_yaml_json_and_json5() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for raw in ["ui:\n  theme: dark\n", r#"{"ui":{"theme":"dark"}}"#, "{ui: {theme: 'dark',},} // mine"] {
        tenant.done("config.set", json!({ "raw": raw }));
        assert_eq!(tenant.ok("config.get", json!({}))["parsed"]["ui"]["theme"], "dark", "{raw}");
    }
}

#[test]
fn a_protected_key_is_refused_by_its_path_and_nothing_changes() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark}\n" }));
    let before = tenant.ok("config.get", json!({}));
    let raw = "gateway: {listen: '0.0.0.0:1'}\nmodels: {default: x}\nsession: {store: /etc}\nui: {theme: light}\n";
    let error = tenant.err("config.set", json!({ "raw": raw }));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    let told = error.to_string();
    for path in ["gateway.listen", "models.default", "session.store"] {
        assert!(told.contains(path), "{path} is not told: {told}");
    }
    assert_eq!(tenant.ok("config.get", json!({})), before);
}

#[test]
fn an_unknown_key_is_refused_by_its_path() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("config.set", json!({ "raw": "sesion: {idleMinutes: 3}\n" }));
    assert_eq!(error.code, -32602, "{error}");
    assert!(error.to_string().contains("sesion"), "{error}");
}

#[test]
fn a_change_made_from_an_old_state_is_a_conflict() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let first = tenant.ok("config.set", json!({ "raw": "ui: {theme: a}\n" }));
    tenant.done("config.set", json!({ "raw": "ui: {theme: b}\n", "baseHash": first["hash"] }));
    let error = tenant.err("config.set", json!({ "raw": "ui: {theme: c}\n", "baseHash": first["hash"] }));
    assert_eq!((error.code, error.name()), (-32009, "CONFLICT"), "{error}");
    assert_eq!(tenant.ok("config.get", json!({}))["config"]["ui"]["theme"], "b");
}

#[test]
fn each_write_is_in_the_audit_log_without_its_secrets() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let raw = r#"{"skills":{"entries":{"weather":{"apiKey":"sk-very-secret-2"}}}}"#;
    tenant.done("config.set", json!({ "raw": raw }));
    let lines = daemon.home().audit();
    let written = lines.iter().filter(|line| {
        line["tenant"] == "acme" && line["action"].as_str().is_some_and(|action| action.starts_with("config."))
    });
    assert_eq!(written.count(), 1, "{lines:?}");
    assert!(!json!(lines).to_string().contains("sk-very-secret-2"));
}

/// A megabyte of unknown keys once took seconds to refuse, under a lock, on a thread that others needed.
#[test]
fn a_hundred_thousand_keys_are_refused_and_hold_up_nobody() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}: 1\n")).collect();
    let error = tenant.err("config.set", json!({ "raw": keys.concat() }));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    let error = tenant.err("config.set", json!({ "raw": keys[..9_000].concat() }));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    let offences = error.data["offences"].as_array().unwrap_or_else(|| panic!("{error}"));
    assert!(offences.len() < 50, "{} offences", offences.len());
    assert!(error.to_string().contains("more"), "{error}");
    other.done("config.set", json!({ "raw": "ui: {theme: dark}\n" }));
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark}\n" }));
}

#[test]
fn what_reaches_the_host_is_refused_however_deep_it_stands() {
    let daemon = Daemon::start_with("agents: {defaults: {tools: {deny: [exec]}}}\ntools: {allow: [read, exec]}\n");
    let tenant = daemon.tenant("acme");
    for (raw, path) in [
        ("channels: {irc: {nickserv: {passwordFile: /etc/shadow}}}", "channels.irc.nickserv.passwordFile"),
        ("skills: {entries: {x: {env: {LD_PRELOAD: x}}}}", "skills.entries.x.env.LD_PRELOAD"),
        ("messages: {tts: {providers: {x: {command: /bin/sh}}}}", "messages.tts.providers.x.command"),
        ("agents: {defaults: {tools: {allow: [write]}}}", "agents.defaults.tools.allow[0]"),
    ] {
        let error = tenant.err("config.set", json!({ "raw": raw }));
        assert_eq!(error.data["offences"][0]["path"], path, "{error}");
    }
    // The operator's own denial stays in what is effective.
    tenant.done("config.set", json!({ "raw": "agents: {defaults: {tools: {deny: [read]}}}" }));
    let config = tenant.ok("config.get", json!({}))["config"].clone();
    assert_eq!(config["agents"]["defaults"]["tools"]["deny"], json!(["exec", "read"]), "{config}");
}
