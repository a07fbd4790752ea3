//! `config.get`: the overlay and what is in force.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("config.get", |_| json!({}));
}

const FIELDS: &str = "path exists raw parsed valid config hash issues warnings isTenantOverlay adminOnlyKeys";

#[test]
fn without_an_overlay_the_gateways_configuration_is_in_force() {
    let daemon = Daemon::start();
    let config = daemon.tenant("acme").ok("config.get", json!({}));
    has_fields(&config, FIELDS);
    assert_eq!(config["path"], "config.yaml");
    assert_eq!(config["exists"], false);
    assert_eq!(config["valid"], true);
    assert_eq!(config["isTenantOverlay"], true);
    assert_eq!(config["issues"], json!([]));
    let keys = config["adminOnlyKeys"].as_array().expect("adminOnlyKeys");
    assert!(keys.contains(&json!("gateway")) && keys.contains(&json!("models")), "{keys:?}");
}

#[test]
fn an_overlay_is_shown_as_it_was_written_and_as_it_works() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let raw = "# mine\nui:\n  theme: dark\n";
    let set = tenant.ok("config.set", json!({ "raw": raw }));
    let config = tenant.ok("config.get", json!({}));
    assert_eq!(config["exists"], true);
    assert_eq!(config["raw"], raw);
    assert_eq!(config["parsed"], json!({ "ui": { "theme": "dark" } }));
    assert_eq!(config["config"]["ui"]["theme"], "dark");
    assert_eq!(config["hash"], set["hash"]);
}

#[test]
fn secrets_of_the_overlay_are_redacted() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let raw = r#"{"skills":{"entries":{"weather":{"apiKey":"sk-very-secret-1"}}}}"#;
    tenant.done("config.set", json!({ "raw": raw }));
    let config = tenant.ok("config.get", json!({}));
    assert!(!config.to_string().contains("sk-very-secret-1"), "{config}");
}

#[test]
fn the_operator_without_a_tenant_sees_the_base() {
    let daemon = Daemon::start_with("billing:\n  timezone: Europe/Berlin\n");
    let config = daemon.operator().ok("config.get", json!({}));
    has_fields(&config, FIELDS);
    assert_eq!(config["isTenantOverlay"], false);
    assert_eq!(config["config"]["billing"]["timezone"], "Europe/Berlin");
}

#[test]
fn a_setting_that_does_nothing_is_told_with_its_place() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "session: {mainKey: home, idleMinutes: 5}\n" }));
    let config = tenant.ok("config.get", json!({}));
    assert_eq!(config["valid"], true, "{config}");
    assert_eq!(config["warnings"].as_array().map(Vec::len), Some(1), "{config}");
    let told = &config["warnings"][0];
    assert_eq!((&told["path"], &told["line"]), (&json!("session.idleMinutes"), &json!(1)), "{told}");
}
