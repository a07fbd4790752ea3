//! `/metrics` and `traceparent`: what the operator's own systems see.

use openclaw_tests::wait_until;

use crate::{contract::*, reliability};

fn get(daemon: &Daemon, token: Option<&str>) -> openclaw_tests::Response {
    let request = Request::get("/metrics");
    daemon.send(&match token {
        Some(token) => request.token(token),
        None => request,
    })
}

/// The value of the sample whose name and labels these are.
fn sample(daemon: &Daemon, name: &str) -> Option<f64> {
    let response = get(daemon, Some(daemon.operator_token()));
    assert_eq!(response.status, 200);
    let text = response.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    value.map(|value| value.parse().expect("a number"))
}

#[test]
fn metrics_are_for_the_operator() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    assert_eq!(get(&daemon, None).status, 401);
    assert_eq!(get(&daemon, Some("ocmu_nonsense")).status, 401);
    assert_eq!(get(&daemon, Some(a.token())).status, 403);
    assert_eq!(get(&daemon, Some(daemon.operator_token())).status, 200);
    assert_eq!(sample(&daemon, "openclaw_failed_auth_total"), Some(2.0));
}

#[test]
fn calls_are_counted_by_family_version_and_end() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    a.done("health", json!({}));
    a.done("sessions.list", json!({}));
    a.done("sessions.list", json!({}));
    let _ = a.err("sessions.list", json!({ "nonsense": 1 }));
    let calls = |family: &str, outcome: &str| {
        sample(&daemon, &format!(r#"openclaw_calls_total{{family="{family}",outcome="{outcome}"}}"#))
    };
    assert_eq!(calls("sessions", "ok"), Some(2.0));
    assert_eq!(calls("sessions", "INVALID_REQUEST"), Some(1.0));
    assert_eq!(calls("health", "ok"), Some(1.0));
    assert_eq!(calls("gateway", "ok"), Some(1.0), "tenants.create is the host's");
    assert_eq!(sample(&daemon, r#"openclaw_call_seconds_count{family="sessions"}"#), Some(3.0));
    assert_eq!(sample(&daemon, "openclaw_tenants"), Some(1.0));
    assert_eq!(sample(&daemon, "openclaw_calls_in_flight"), Some(0.0));
    assert_eq!(sample(&daemon, "openclaw_calls_queued"), Some(0.0));
    assert!(sample(&daemon, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    let text = get(&daemon, Some(daemon.operator_token())).text();
    let version =
        format!(r#"openclaw_component_calls_total{{family="sessions",version="{}""#, env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
}

#[test]
fn a_limit_that_was_broken_and_a_rate_that_refused_are_counted() {
    let config = reliability::config_with(&["hostile"], reliability::HOSTILE_GRANTS);
    let daemon = Daemon::start_with(&config);
    let slow = daemon.tenant_with(json!({ "tenantId": "slow", "quotas": { "requests_per_minute": 1 } }));
    let _ = slow.err("hostile.trap", json!({}));
    let _ = slow.err("hostile.echo", json!({}));
    let failed = r#"openclaw_calls_total{family="hostile",outcome="COMPONENT_FAILED"}"#;
    assert_eq!(sample(&daemon, failed), Some(1.0));
    assert_eq!(sample(&daemon, "openclaw_refused_total"), Some(1.0));
}

#[test]
fn what_is_refused_before_its_calls_are_looked_at_is_counted_and_told_of_in_bounds() {
    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#;
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    for _ in 0..20 {
        assert_eq!(daemon.send(&Request::rpc(CALL).token("tk_a_00000000000000000000000000000000")).status, 401);
    }
    assert_eq!(daemon.send(&a.request(CALL).header("Content-Type", "text/plain")).status, 415);
    assert_eq!(daemon.send(&a.request(CALL).header("Host", "evil.example")).status, 403);
    let refused = |status: u16| sample(&daemon, &format!(r#"openclaw_refused_unread_total{{status="{status}"}}"#));
    assert_eq!((refused(401), refused(415), refused(403)), (Some(20.0), Some(1.0), Some(1.0)));
    assert_eq!(sample(&daemon, "openclaw_failed_auth_total"), Some(20.0));
    daemon.wait_for_log("authentication failed");
    assert_eq!(daemon.log().matches("authentication failed").count(), 1, "{}", daemon.log());
}

#[test]
fn tenants_are_named_only_where_that_is_asked_for() {
    let calls = r#"openclaw_tenant_calls_total{tenant="a",outcome="ok"}"#;
    let daemon = Daemon::start();
    daemon.tenant("a").done("health", json!({}));
    assert_eq!(sample(&daemon, calls), None);
    let daemon = Daemon::start_with("telemetry: {tenant_label: true}\n");
    let a = daemon.tenant("a");
    a.done("health", json!({}));
    assert_eq!(sample(&daemon, calls), Some(1.0));
    daemon.operator().done("tenants.delete", json!({ "tenantId": "a", "confirm": true }));
    assert_eq!(sample(&daemon, calls), None, "a tenant that is gone is named still");
}

#[test]
fn what_the_host_answers_is_counted_and_logged_as_any_call_is() {
    let daemon = Daemon::start_with("telemetry: {tenant_label: true, log: {level: debug}}\n");
    let a = daemon.tenant("a");
    let counted = |outcome: &str| {
        let of_all = format!(r#"openclaw_calls_total{{family="gateway",outcome="{outcome}"}}"#);
        let of_tenant = format!(r#"openclaw_tenant_calls_total{{tenant="a",outcome="{outcome}"}}"#);
        (sample(&daemon, &of_all).unwrap_or_default(), sample(&daemon, &of_tenant).unwrap_or_default())
    };
    let send = |request: Request, id: &str| daemon.send(&request.token(a.token()).header("X-Request-Id", id)).status;

    let before = counted("ok");
    a.socket().call("events.subscribe", json!({})).expect("it is subscribed");
    a.done("rpc.discover", json!({}));
    assert_eq!(send(Request::get("/v1/models"), "id-models"), 200);
    // The list of models asks the tenant's `agents.list`.
    assert_eq!(counted("ok"), (before.0 + 3.0, before.1 + 4.0));
    let before = counted("INVALID_REQUEST");
    for malformed in ["{", "[]", r#"{"id":1}"#] {
        assert_eq!(send(Request::rpc(malformed), "id-malformed"), 200);
    }
    assert_eq!(counted("INVALID_REQUEST"), (before.0 + 3.0, before.1 + 3.0));

    let reader = Request::get("/v1/models").header("X-OpenClaw-Scopes", "pairing");
    assert_eq!((send(reader, "id-scope"), send(Request::get("/nowhere"), "id-nowhere")), (403, 404));
    for status in [403, 404] {
        let refused = format!(r#"openclaw_refused_unread_total{{status="{status}"}}"#);
        assert_eq!(sample(&daemon, &refused), Some(1.0), "{status}");
    }
    assert_eq!(send(Request::get("/v1/usage"), "id-usage"), 200);
    for (id, said, times) in [
        ("id-models", "answered", 1),
        ("id-malformed", "refused", 3),
        ("id-scope", "refused unread", 1),
        ("id-nowhere", "refused unread", 1),
        ("id-usage", "answered", 1),
    ] {
        wait_until(id, || {
            let log = daemon.log();
            log.lines().filter(|line| line.contains(id) && line.contains(said)).count() == times
        });
    }
}

#[test]
fn calls_of_models_are_counted_by_model_end_and_class() {
    let daemon = crate::chat::talking_with("telemetry: {tenant_label: true}\n");
    let tenant = daemon.tenant("a");
    let ask = |model: &str| {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "weather" }] });
        let request = Request::new("POST", "/v1/chat/completions").header("Content-Type", "application/json");
        daemon.send(&request.token(tenant.token()).body(body.to_string())).status
    };
    assert_eq!((ask("small"), ask("small"), ask("nobody's")), (200, 200, 404));
    let quotas = json!({ "tenantId": "a", "quotas": { "tokens_per_day": 1 } });
    daemon.operator().done("tenants.quota.update", quotas);
    assert_eq!(ask("small"), 429);
    let of_model = r#"provider="script",model="small""#;
    let calls =
        |outcome: &str| sample(&daemon, &format!(r#"openclaw_model_calls_total{{{of_model},outcome="{outcome}"}}"#));
    assert_eq!((calls("ok"), calls("refused"), calls("estimated")), (Some(2.0), Some(1.0), Some(0.0)));
    let tokens =
        |class: &str| sample(&daemon, &format!(r#"openclaw_model_tokens_total{{{of_model},class="{class}"}}"#));
    assert_eq!((tokens("input"), tokens("cache_read")), (Some(14.0), Some(4.0)));
    assert_eq!((tokens("output"), tokens("reasoning")), (Some(6.0), Some(2.0)));
    // Twice 9 tokens of input at a millionth of a dollar, and 4 of output at two.
    assert_eq!(sample(&daemon, &format!("openclaw_model_cost_picousd_total{{{of_model}}}")), Some(34e6));
    assert_eq!(sample(&daemon, r#"openclaw_tenant_model_calls_total{tenant="a",outcome="refused"}"#), Some(1.0));
    assert_eq!(sample(&daemon, r#"openclaw_tenant_model_cost_picousd_total{tenant="a"}"#), Some(34e6));
    daemon.operator().done("tenants.delete", json!({ "tenantId": "a", "confirm": true }));
    assert_eq!(sample(&daemon, r#"openclaw_tenant_model_cost_picousd_total{tenant="a"}"#), None, "it is named still");
    assert_eq!(calls("ok"), Some(2.0), "the sums stay");
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_trace_goes_in_and_out_and_into_the_log() {
    let daemon = Daemon::start_with(&reliability::config_with(&["hostile"], reliability::HOSTILE_GRANTS));
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let a = daemon.tenant("a").with_header("traceparent", &parent);
    let reply = a.respond("hostile.trap", &json!({}));
    assert_eq!(reply.header("traceparent"), Some(parent.as_str()));
    a.done("hostile.log_flood", json!({ "times": 1 }));
    let log = std::fs::read_to_string(daemon.home().path().join("gateway.log")).expect("the log");
    let traced = |line: &&str| line.contains(TRACE);
    assert_eq!(log.lines().filter(traced).filter(|line| line.contains("hostile::limits::trap")).count(), 1, "{log}");
    assert_eq!(log.lines().filter(traced).filter(|line| line.contains("forged")).count(), 1, "{log}");
}

#[test]
fn what_is_no_trace_is_passed_over() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a").with_header("traceparent", "00-nonsense");
    let reply = a.respond("health", &json!({}));
    assert_eq!((reply.status, reply.header("traceparent")), (200, None));
}
