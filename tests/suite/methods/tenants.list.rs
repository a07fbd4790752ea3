//! `tenants.list`: all tenants, for the operator.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.list", |_| json!({}));
}

#[test]
fn tells_of_everyone() {
    let daemon = Daemon::start();
    assert_eq!(daemon.operator().ok("tenants.list", json!({})), json!({ "tenants": [] }));
    let _acme = daemon.tenant_with(json!({ "tenantId": "acme", "displayName": "Acme Ltd" }));
    let _beta = daemon.tenant("beta");
    let list = daemon.operator().ok("tenants.list", json!({}));
    assert_eq!(pluck(&list["tenants"], "tenantId"), ["acme", "beta"]);
    for row in list["tenants"].as_array().expect("tenants") {
        has_fields(row, "tenantId displayName? createdAt lastSeenAt? disabled");
        is_rfc3339(&row["createdAt"]);
        assert_eq!(row["disabled"], false);
    }
    assert_eq!(list["tenants"][0]["displayName"], "Acme Ltd");
}
