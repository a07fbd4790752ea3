//! `tenants.quota.update`: merges into a tenant's quotas.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.quota.update", |_| json!({ "tenantId": "a", "quotas": { "requests_per_minute": 5 } }));
}

fn update(daemon: &Daemon, quotas: Value) -> Value {
    daemon.operator().ok("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }))
}

#[test]
fn merges_and_null_removes() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    update(&daemon, json!({ "requests_per_minute": 50, "tokens_per_day": 1000 }));
    let updated =
        update(&daemon, json!({ "tokens_per_day": null, "disk_bytes": 1_000_000, "sandbox": { "pids": 10 } }));
    has_fields(&updated, "updated tenantId quotas");
    let expected = json!({ "requests_per_minute": 50, "disk_bytes": 1_000_000, "sandbox": { "pids": 10 } });
    assert_eq!(updated["quotas"], expected);
    assert_eq!(tenant.ok("tenants.quota.status", json!({}))["quotas"], expected);
}

#[test]
fn what_is_no_quota_is_refused_by_name() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    for (name, value) in [
        ("tokens_per_year", json!(1)),
        ("requests_per_minute", json!(-1)),
        ("disk_bytes", json!("much")),
        ("cost_per_day_usd", json!("1.0000000000001")),
    ] {
        let error =
            daemon.operator().err("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { name: value } }));
        assert_eq!(error.code, -32602, "{name}: {error}");
        assert!(error.message.contains(name), "{error}");
    }
}

#[test]
fn the_audit_log_says_so() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    update(&daemon, json!({ "requests_per_minute": 50 }));
    let lines = daemon.home().audit();
    assert!(
        lines
            .iter()
            .any(|line| line["tenant"] == "acme"
                && line["action"].as_str().is_some_and(|action| action.contains("quota"))),
        "{lines:?}"
    );
}
