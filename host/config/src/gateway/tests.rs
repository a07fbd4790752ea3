use serde_json::{Value, json};

use super::*;

#[test]
fn an_empty_configuration_is_the_documented_default() {
    let config: GatewayConfig = serde_json::from_value(json!({})).unwrap();
    assert_eq!(config, GatewayConfig::default());
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:18789");
    assert_eq!(config.gateway.limits.body_bytes, 8 << 20);
    assert_eq!(config.durability, Durability::Process);
}

#[test]
fn secrets_neither_print_nor_serialise() {
    let config: GatewayConfig = serde_json::from_value(json!({
        "gateway": {"control_plane_token": "canary-1"},
        "models": {"providers": [{"id": "a", "kind": "openai", "api_key": "canary-2", "models": ["m"]}]},
        "backup": {"credentials": {"access_key_id": "id", "secret_access_key": "canary-3", "session_token": "canary-4"}},
        "telemetry": {"otlp": {"endpoint": "https://o", "headers": {"authorization": "canary-5"}}},
    }))
    .unwrap();
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(config.gateway.control_plane_token.unwrap().expose(), "canary-1");
}

/// Every key that a person may write is explained, and every struct is closed.
#[test]
fn the_schema_describes_every_key() {
    let schema = schemars::schema_for!(GatewayConfig).to_value();
    let definitions = schema["$defs"].as_object().unwrap().iter();
    for (name, definition) in definitions.chain([(&"GatewayConfig".to_owned(), &schema)]) {
        let Some(properties) = definition["properties"].as_object() else { continue };
        assert_eq!(definition["additionalProperties"], Value::Bool(false), "{name}");
        for (key, property) in properties {
            let named_alike = name == "BackupCredentials";
            assert!(named_alike || property.get("description").is_some(), "{name}.{key} has no description");
        }
    }
    assert_eq!(schema["$defs"]["Gateway"]["properties"]["control_plane_token"]["x-secret"], true);
}

/// The schema's copy of the quotas has the keys that the quotas have.
#[test]
fn quotas_are_described_as_they_are() {
    let schema = schemars::schema_for!(GatewayConfig).to_value();
    let mut described: Vec<&str> =
        schema["$defs"]["Quotas"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut real = openclaw_tenancy::Quotas::KEYS.to_vec();
    described.sort_unstable();
    real.sort_unstable();
    assert_eq!(described, real);
}
