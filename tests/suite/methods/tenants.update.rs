//! `tenants.update`: a tenant's name, and whether it may come in.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.update", |_| json!({ "tenantId": "a", "displayName": "New" }));
}

#[test]
fn the_name_changes() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let updated = daemon.operator().ok("tenants.update", json!({ "tenantId": "acme", "displayName": "Acme Ltd" }));
    assert_eq!(updated, json!({ "updated": true, "tenantId": "acme" }));
    assert_eq!(tenant.ok("tenants.get", json!({}))["displayName"], "Acme Ltd");
}

#[test]
fn a_disabled_tenant_is_shut_out_at_once_and_comes_back_with_the_same_token() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "disabled": true }));
    let response = tenant.respond("health", &json!({}));
    assert_eq!(response.status, 403);
    assert_eq!(response.json()["error"]["code"], -32003);
    assert_eq!(socket.closed(), Some(1008));
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "disabled": false }));
    tenant.done("health", json!({}));
}

#[test]
fn a_tenant_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    for params in [json!({ "tenantId": "nobody" }), json!({ "tenantId": "nobody", "disabled": true })] {
        let error = daemon.operator().err("tenants.update", params);
        assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
    }
}
