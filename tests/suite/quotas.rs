//! Quotas at the request's boundary.

use std::{collections::BTreeSet, fs, sync::mpsc, thread};

use crate::contract::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":9,"method":"health"}"#;

fn limited(quotas: Value) -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    (daemon, tenant)
}

#[test]
fn the_request_over_the_rate_gets_the_whole_429() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 3 }));
    for _ in 0..3 {
        assert_eq!(tenant.post(CALL).status, 200);
    }
    let response = tenant.post(CALL);
    assert_eq!(response.status, 429);
    let reply = response.json();
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(9), &json!(-32029)));
    let data = &reply["error"]["data"];
    has_fields(
        data,
        "code requestId quota limit used reserved needed unit window resets_at largest_fitting_max_tokens request_id",
    );
    assert!(["RATE_LIMITED", "QUOTA_EXCEEDED"].contains(&data["code"].as_str().unwrap_or_default()), "{data}");
    assert_eq!(
        (&data["quota"], &data["limit"], &data["used"], &data["reserved"], &data["needed"], &data["unit"]),
        (&json!("requests_per_minute"), &json!(3), &json!(3), &json!(0), &json!(1), &json!("requests"))
    );
    has_fields(&data["window"], "start next tz");
    is_rfc3339(&data["window"]["next"]);
    assert_eq!(data["window"]["next"], data["resets_at"]);
    assert_eq!(data["request_id"].as_str(), response.header("x-request-id"));
    let wait: u64 = response.header("retry-after").and_then(|wait| wait.parse().ok()).expect("Retry-After");
    assert!((1..=90).contains(&wait), "{wait}");
    let policy = response.header("ratelimit-policy").expect("RateLimit-Policy");
    assert!(policy.contains(r#""requests_per_minute";q=3;w=60"#), "{policy}");
    let state = response.header("ratelimit").expect("RateLimit");
    assert!(state.contains(r#""requests_per_minute";r=0;t="#), "{state}");
    assert_eq!(daemon.tenant("other").post(CALL).status, 200, "another tenant is not concerned");
}

#[test]
fn what_is_malformed_counts_and_is_refused_like_any_request() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 4 }));
    // A body that is no JSON, one that is no request, and two of a batch.
    let malformed = ["{", r#"{"id":1}"#, r#"[{"id":1},2]"#];
    for body in malformed {
        assert_eq!(tenant.post(body).status, 200, "{body}");
    }
    for body in malformed.iter().copied().chain([CALL]) {
        let reply = tenant.post(body).json();
        let error = reply.get(0).unwrap_or(&reply)["error"].clone();
        assert_eq!(error["code"], -32029, "{body}: {reply}");
    }
    let mut socket = tenant.socket();
    socket.send("{");
    assert_eq!(socket.reply()["error"]["code"], -32029);
    let usage = daemon.operator().ok("tenants.usage", json!({ "tenantId": "acme" }));
    assert_eq!(usage["totalRequests"], 4, "{usage}");
}

#[test]
fn all_refusals_of_one_window_name_one_time() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 1 }));
    tenant.done("health", json!({}));
    let told: BTreeSet<String> =
        (0..20).map(|_| tenant.err("health", json!({})).data["resets_at"].to_string()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let status = daemon.operator().ok("tenants.quota.status", json!({ "tenantId": "acme" }));
    assert!(told.contains(&status["resetsAt"]["requests_per_minute"].to_string()), "{status} {told:?}");
}

#[test]
fn the_hours_rate_counts_too() {
    let (_daemon, tenant) = limited(json!({ "requests_per_minute": 100, "requests_per_hour": 2 }));
    tenant.done("health", json!({}));
    tenant.done("health", json!({}));
    let error = tenant.err("health", json!({}));
    assert_eq!((error.data["quota"].clone(), error.data["limit"].clone()), (json!("requests_per_hour"), json!(2)));
}

#[test]
fn of_many_at_once_exactly_the_quota_is_admitted() {
    let (_daemon, tenant) = limited(json!({ "requests_per_minute": 25 }));
    let admitted: usize = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..10).map(|_| scope.spawn(|| (0..10).filter(|_| tenant.post(CALL).status == 200).count())).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).sum()
    });
    assert_eq!(admitted, 25);
}

#[test]
fn each_call_of_a_batch_counts_and_the_batch_is_answered() {
    let (_daemon, tenant) = limited(json!({ "requests_per_minute": 3 }));
    let batch: Vec<Value> = (0..5).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "health" })).collect();
    let response = tenant.post(json!(batch).to_string());
    assert_eq!(response.status, 200);
    let replies = response.json();
    let replies = replies.as_array().expect("an array");
    assert_eq!(replies.iter().filter(|reply| reply.get("result").is_some()).count(), 3);
    let refused = replies.iter().filter(|reply| reply["error"]["code"] == -32029);
    assert_eq!(refused.map(|reply| reply["id"].to_string()).collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn a_method_that_is_not_there_counts_like_any_other() {
    let (_daemon, tenant) = limited(json!({ "requests_per_minute": 2 }));
    assert_eq!(tenant.err("foobar", json!({})).code, -32601);
    assert_eq!(tenant.err("foobar", json!({})).code, -32601);
    assert_eq!(tenant.err("foobar", json!({})).code, -32029);
}

#[test]
fn the_operators_own_calls_for_a_tenant_are_free() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 1 }));
    tenant.done("health", json!({}));
    for _ in 0..5 {
        daemon.operator_for("acme").done("health", json!({}));
    }
    assert_eq!(tenant.err("health", json!({})).code, -32029);
}

#[test]
fn a_changed_quota_holds_on_the_next_request() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 1 }));
    tenant.done("health", json!({}));
    assert_eq!(tenant.err("health", json!({})).code, -32029);
    daemon.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "none"]).exited(0);
    tenant.done("health", json!({}));
}

#[test]
fn the_gateways_default_is_a_new_tenants_quota() {
    let daemon = Daemon::start_with("quotas:\n  default: {requests_per_minute: 1}\n");
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    assert_eq!(tenant.err("health", json!({})).code, -32029);
}

#[test]
fn refused_requests_are_no_usage() {
    let (daemon, tenant) = limited(json!({ "requests_per_minute": 2 }));
    for _ in 0..6 {
        let _ = tenant.call("health", json!({}));
    }
    let usage = daemon.operator().ok("tenants.usage", json!({ "tenantId": "acme" }));
    assert_eq!(usage["totalRequests"], 2);
}

#[test]
fn beyond_what_may_wait_503() {
    let daemon = Daemon::start_with(&format!(
        "gateway:\n  limits: {{concurrent_per_tenant: 1, queued_per_tenant: 1, queue_wait_ms: 600000}}\n\
         components:\n  load: [{:?}]\n  limits: {{wall_ms: 600000}}\n",
        openclaw_tests::workspace().join("target/fixtures/sleeper.wasm")
    ));
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    thread::scope(|scope| {
        let (answered, statuses) = mpsc::channel();
        for _ in 0..6 {
            let (answered, a) = (answered.clone(), &a);
            scope.spawn(move || answered.send(a.respond("sleeper.until_told", &json!({})).status));
        }
        let next = || statuses.recv().expect("an answer");
        // One runs, one waits: whichever they are, the other four are told at once.
        assert_eq!([next(), next(), next(), next()], [503; 4]);
        b.done("health", json!({}));
        assert!(statuses.try_recv().is_err(), "a call that was let in did not wait");
        let files = daemon.home().tenant("a").join("plugins/sleeper/data");
        fs::create_dir_all(&files).expect("the family's directory");
        fs::write(files.join("go"), "").expect("the word");
        assert_eq!([next(), next()], [200; 2]);
    });
}
