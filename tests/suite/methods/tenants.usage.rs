//! `tenants.usage`: what the tenant has used in the running period.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.usage", |_| json!({ "refreshDisk": true }));
}

/// TenantUsageSnapshot.
pub(crate) const SNAPSHOT: &str = "tenantId period totalTokens inputTokens outputTokens cacheReadTokens cacheWriteTokens \
    reasoningTokens totalCostCents totalCostUsd diskUsageBytes workspaceBytes agentDataBytes memoryDbBytes totalSessions \
    activeSessions totalMessages totalRequests requestsThisMinute requestsThisHour sandboxCpuSeconds sandboxPeakMemoryMB \
    updatedAt quotaResetAt";

#[test]
fn counts_the_requests() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for _ in 0..4 {
        tenant.done("health", json!({}));
    }
    let usage = tenant.ok("tenants.usage", json!({}));
    has_fields(&usage, SNAPSHOT);
    assert_eq!(usage["tenantId"], "acme");
    assert_eq!(usage["totalRequests"], 5);
    assert_eq!(usage["requestsThisHour"], 5);
    assert_eq!(usage["totalTokens"], 0);
    assert!(usage["totalCostUsd"].is_string(), "{usage}");
    assert!(
        usage["period"].as_str().is_some_and(|period| period.len() == 7 && period.as_bytes()[4] == b'-'),
        "{usage}"
    );
    is_rfc3339(&usage["updatedAt"]);
    is_rfc3339(&usage["quotaResetAt"]);
}

#[test]
fn counts_the_sessions_and_what_was_said_in_them() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let counted = || {
        let usage = tenant.ok("tenants.usage", json!({}));
        ["totalSessions", "activeSessions", "totalMessages"].map(|name| usage[name].as_u64().expect(name))
    };
    assert_eq!(counted(), [0, 0, 0]);
    for key in ["agent:main:direct:1", "agent:main:direct:2", "agent:main:direct:3"] {
        tenant.done("sessions.create", json!({ "key": key }));
    }
    for (key, message) in [("1", "one"), ("1", "two"), ("2", "three")] {
        let key = format!("agent:main:direct:{key}");
        tenant.done("chat.inject", json!({ "sessionKey": key, "message": message }));
    }
    assert_eq!(counted(), [3, 3, 3]);
    tenant.done("sessions.delete", json!({ "key": "agent:main:direct:1" }));
    assert_eq!(counted(), [2, 2, 1]);
}

#[test]
fn the_disk_is_measured_on_request() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let bytes = |refresh: bool| {
        tenant.ok("tenants.usage", json!({ "refreshDisk": refresh }))["diskUsageBytes"].as_u64().expect("bytes")
    };
    let before = bytes(true);
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "x".repeat(100_000) }));
    assert!(bytes(true) >= before + 100_000);
}

#[test]
fn what_was_counted_is_there_after_an_orderly_restart() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for _ in 0..4 {
        tenant.done("health", json!({}));
    }
    let daemon = daemon.restarted();
    assert_eq!(daemon.client(tenant.token()).ok("tenants.usage", json!({}))["totalRequests"], 5);
}

#[test]
fn the_operator_reads_anyones() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    let usage = daemon.operator().ok("tenants.usage", json!({ "tenantId": "acme" }));
    assert_eq!((&usage["tenantId"], &usage["totalRequests"]), (&json!("acme"), &json!(1)));
}
