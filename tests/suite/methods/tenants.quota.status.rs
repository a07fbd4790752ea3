//! `tenants.quota.status`: the quotas and how much of them is used.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.quota.status", |_| json!({}));
}

const FIELDS: &str = "tenantId quotas usage tokenUsagePercent costUsagePercent diskUsagePercent isOverTokenLimit isOverCostLimit \
    isOverDiskLimit isAtSoftLimit isBlocked resetsAt";

#[test]
fn a_tenant_without_quotas_is_free() {
    let daemon = Daemon::start();
    let status = daemon.tenant("acme").ok("tenants.quota.status", json!({}));
    has_fields(&status, FIELDS);
    assert_eq!(status["quotas"], json!({}));
    for flag in ["isOverTokenLimit", "isOverCostLimit", "isOverDiskLimit", "isAtSoftLimit", "isBlocked"] {
        assert_eq!(status[flag], false, "{flag}");
    }
}

#[test]
fn each_quota_has_its_end() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let quotas = json!({ "tokens_per_day": 1000, "cost_per_month_usd": "2.50", "requests_per_minute": 100 });
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    let status = tenant.ok("tenants.quota.status", json!({}));
    assert_eq!(status["quotas"]["tokens_per_day"], 1000);
    assert_eq!(status["tokenUsagePercent"].as_f64(), Some(0.0));
    for quota in ["tokens_per_day", "cost_per_month_usd", "requests_per_minute"] {
        is_rfc3339(&status["resetsAt"][quota]);
    }
}

#[test]
fn a_full_disk_shows() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 1000 } }));
    tenant.done("tenants.usage", json!({ "refreshDisk": true }));
    std::fs::write(daemon.home().tenant("acme").join("agents").join("big"), vec![0; 5000])
        .or_else(|_| std::fs::write(daemon.home().tenant("acme").join("big"), vec![0; 5000]))
        .expect("a big file");
    tenant.done("tenants.usage", json!({ "refreshDisk": true }));
    let status = tenant.ok("tenants.quota.status", json!({}));
    assert_eq!(status["isOverDiskLimit"], true, "{status}");
    assert!(status["diskUsagePercent"].as_f64().is_some_and(|percent| percent > 100.0), "{status}");
}
