//! `config.schema`: the JSON Schema of what may be configured.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("config.schema", |_| json!({}));
}

#[test]
fn a_tenant_sees_its_own_part_alone() {
    let daemon = Daemon::start();
    let schema = daemon.tenant("acme").ok("config.schema", json!({}));
    has_fields(&schema, "schema uiHints version generatedAt");
    is_rfc3339(&schema["generatedAt"]);
    let properties = schema["schema"]["properties"].as_object().expect("properties");
    for key in ["agents", "channels", "session", "ui", "bindings"] {
        assert!(properties.contains_key(key), "{key} is missing");
    }
    for key in ["gateway", "models", "billing", "quotas", "backup", "telemetry", "durability"] {
        assert!(!properties.contains_key(key), "{key} is the operator's");
    }
}

#[test]
fn the_operator_sees_the_gateways() {
    let daemon = Daemon::start();
    let schema = daemon.operator().ok("config.schema", json!({}));
    let properties = schema["schema"]["properties"].as_object().expect("properties");
    assert!(properties.contains_key("gateway") && properties.contains_key("quotas"), "{properties:?}");
}
