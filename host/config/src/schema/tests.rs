use super::*;

#[test]
fn a_tenants_schema_is_closed_and_stands_by_itself() {
    let tenant = tenant();
    let text = tenant.schema.to_string();
    assert!(!text.contains("$ref"), "{text}");
    assert_eq!(tenant.schema["additionalProperties"], false);
    let cron = &tenant.schema["properties"]["cron"]["properties"];
    assert_eq!(cron["max_concurrent_runs"]["minimum"], 1);
    assert!(cron.get("store").is_none());
    assert!(tenant.schema["properties"].get("gateway").is_none());
    assert!(tenant.schema["properties"]["sandbox"]["properties"].get("read_only").is_none());
    assert!(tenant.ui_hints.contains_key("cron.enabled") && !tenant.ui_hints.contains_key("gateway.listen"));
}

#[test]
fn hints_name_and_mark_the_keys() {
    let full = full();
    let hint = &full.ui_hints["gateway.control_plane_token"];
    assert!(hint.sensitive && hint.label == "Control plane token" && hint.help.is_some(), "{hint:?}");
    assert_eq!(full.ui_hints["channels.*.botToken"].label, "Bot token");
    assert!(full.ui_hints["channels.*.botToken"].sensitive);
    assert!(!full.ui_hints["gateway.listen"].sensitive);
}

#[test]
fn a_version_is_of_one_schema() {
    assert_eq!(full().version, full().version);
    assert_ne!(full().version, tenant().version);
    let mut other = gateway_schema().clone();
    other["properties"]["one_more_key"] = json!({ "type": "string" });
    assert_ne!(ConfigSchema::new(other, BTreeMap::new()).version, full().version);
}
