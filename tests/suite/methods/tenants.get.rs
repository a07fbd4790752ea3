//! `tenants.get`: the tenant's registration.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.get", |_| json!({}));
}

#[test]
fn a_tenant_reads_its_own_with_and_without_naming_itself() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant_with(json!({ "tenantId": "acme", "displayName": "Acme Ltd" }));
    for params in [json!({}), json!({ "tenantId": "acme" })] {
        let got = tenant.ok("tenants.get", params);
        has_fields(&got, "tenantId displayName? createdAt lastSeenAt? disabled? stateDir");
        assert_eq!(got["tenantId"], "acme");
        assert_eq!(got["displayName"], "Acme Ltd");
        is_rfc3339(&got["createdAt"]);
        assert_eq!(got["stateDir"], "tenants/acme", "relative to the state directory, wherever that is");
    }
}

#[test]
fn the_operator_reads_any() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    assert_eq!(daemon.operator().ok("tenants.get", json!({ "tenantId": "acme" }))["tenantId"], "acme");
    assert_eq!(daemon.operator_for("acme").ok("tenants.get", json!({}))["tenantId"], "acme");
    assert_eq!(daemon.operator().err("tenants.get", json!({ "tenantId": "nobody" })).code, -32004);
    assert_eq!(daemon.operator().err("tenants.get", json!({ "tenantId": "../x" })).code, -32602);
}

#[test]
fn being_seen_is_noted() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    is_rfc3339(&tenant.ok("tenants.get", json!({}))["lastSeenAt"]);
}
