//! `tenants.usage`: what the tenant has used in the running period.

use std::thread;

use openclaw_tests::wait_until;

use crate::{chat::work, contract::*};

#[test]
fn keeps_the_contract() {
    contract("tenants.usage", |_| json!({ "refreshDisk": true }));
}

/// TenantUsageSnapshot.
pub(crate) const SNAPSHOT: &str = "tenantId period totalTokens inputTokens outputTokens cacheReadTokens cacheWriteTokens \
    reasoningTokens totalCostCents totalCostUsd diskUsageBytes workspaceBytes agentDataBytes memoryDbBytes totalSessions \
    activeSessions totalMessages totalRequests requestsThisMinute requestsThisHour sandboxSeconds \
    sandboxCpuSeconds sandboxPeakMemoryMB toolCalls storageBytes updatedAt quotaResetAt";

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
fn a_part_that_cannot_be_measured_is_an_error_and_no_zero() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let memory = daemon.home().tenant("acme").join("memory");
    std::fs::remove_dir_all(&memory).expect("the folder");
    assert_eq!(tenant.ok("tenants.usage", json!({ "refreshDisk": true }))["memoryDbBytes"], 0, "it is not there");
    std::os::unix::fs::symlink("agents", &memory).expect("a link");
    let error = tenant.err("tenants.usage", json!({ "refreshDisk": true }));
    assert_eq!(error.name(), "INTERNAL", "{error}");
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
fn tells_the_seconds_of_the_clock_from_those_of_the_processors() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let seconds = || {
        let usage = tenant.ok("tenants.usage", json!({}));
        ["sandboxSeconds", "sandboxCpuSeconds"].map(|name| usage[name].as_u64().expect(name))
    };
    tenant.done("sandbox.run", json!({ "command": ["sleep", "1.2"] }));
    let [by_clock, of_processors] = seconds();
    assert!(by_clock >= 1 && of_processors < by_clock, "it slept: {by_clock}, {of_processors}");
    let script = "while [ ! -e go ]; do :; done";
    let params = json!({ "command": ["sh", "-c", script], "limits": { "wallMs": 60_000 } });
    thread::scope(|scope| {
        let running = scope.spawn(|| tenant.done("sandbox.run", params));
        wait_until("two seconds of a processor", || {
            let all = daemon.operator().ok("admin.sandboxes.list", json!({}));
            all["sandboxes"][0]["resourceUsage"]["cpuMs"].as_u64() > Some(2_000)
        });
        std::fs::write(work(&daemon, "acme", "go"), "").expect("the word");
        running.join().expect("it ends");
    });
    let [by_clock, of_processors] = seconds();
    assert!(of_processors >= 2 && by_clock > of_processors, "{by_clock}, {of_processors}");
}

#[test]
fn tells_the_most_memory_that_a_workload_had() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mebibytes = || tenant.ok("tenants.usage", json!({}))["sandboxPeakMemoryMB"].as_u64().expect("a number");
    assert_eq!(mebibytes(), 0);
    // It lasts until it has been looked at, also where the kernel does not count for us.
    let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); while [ ! -e go ]; do sleep 0.01; done";
    let params = json!({ "command": ["bash", "-c", script], "limits": { "wallMs": 60_000 } });
    let ran = thread::scope(|scope| {
        let running = scope.spawn(|| tenant.ok("sandbox.run", params));
        wait_until("a look at its memory", || {
            let all = daemon.operator().ok("admin.sandboxes.list", json!({}));
            all["sandboxes"][0]["resourceUsage"]["peakMemoryBytes"].as_u64() > Some(20_000_000)
        });
        std::fs::write(work(&daemon, "acme", "go"), "").expect("the word");
        running.join().expect("it ends")
    });
    let peak = ran["usage"]["peakMemoryBytes"].as_u64().expect("bytes");
    assert!(peak > 20_000_000, "{ran}");
    tenant.done("sandbox.run", json!({ "command": ["true"] }));
    assert_eq!(mebibytes(), peak.div_ceil(1 << 20), "the highest of the month");
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
fn the_workspace_the_agents_and_their_memory_are_told_apart() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let parts = || {
        let usage = tenant.ok("tenants.usage", json!({ "refreshDisk": true }));
        ["workspaceBytes", "agentDataBytes", "memoryDbBytes"].map(|part| usage[part].as_u64().expect(part))
    };
    let [work, agents, memory] = parts();
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "x".repeat(100_000) }));
    tenant.done("sandbox.run", json!({ "command": ["sh", "-c", "head -c 200000 /dev/zero > zeros"] }));
    tenant.done("memory.put", json!({ "path": "notes/a.md", "text": "The bakery is closed." }));
    let now = parts();
    assert!((work + 200_000..work + 300_000).contains(&now[0]), "{now:?}");
    assert!((agents + 100_000..agents + 200_000).contains(&now[1]), "{now:?}");
    assert!(now[2] > memory, "{now:?}");
}

#[test]
fn what_was_measured_is_metered_at_its_largest() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let file = |content: String| {
        tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": content }));
        tenant.ok("tenants.usage", json!({ "refreshDisk": true }))
    };
    let large = file("x".repeat(100_000));
    let small = file("x".into());
    assert!(small["diskUsageBytes"].as_u64() < large["diskUsageBytes"].as_u64(), "{small}");
    assert_eq!(small["storageBytes"], large["diskUsageBytes"], "the largest of the month");
    let summary = daemon.operator().ok("billing.summary", json!({ "tenantId": "acme" }));
    assert_eq!(summary["rows"][0]["storage_bytes"], large["diskUsageBytes"], "{summary}");
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
