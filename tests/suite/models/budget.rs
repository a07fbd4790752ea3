//! Budgets that are hard: exact under any number of callers, and a refusal that says when to come back.

use std::thread;

use super::*;

/// Costs what was reserved for it: 7 tokens of input (two of text, four for the message, one of margin), 100 of output.
pub(super) const FULL: &str =
    r#"{"id":"c","choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":100}}"#;

fn limit(daemon: &Daemon, quotas: Value) {
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
}

#[test]
fn of_many_at_once_exactly_as_many_as_fit_are_called() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    // Seven calls at 0.000207, and not quite an eighth.
    limit(&daemon, json!({ "cost_per_day_usd": "0.001655" }));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..40).map(|_| scope.spawn(|| post(&tenant, CHAT, &says("hello world")).status)).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
    });
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((admitted, statuses.iter().filter(|status| **status == 429).count()), (7, 33));
    assert_eq!(upstream.received().len(), 7, "the others never reached the provider");
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
    let row = &report["rows"][0];
    assert_eq!((&row["requests"], &row["refused"]), (&json!(7), &json!(33)));
    assert_eq!(row["cost_usd"], "0.001449000000");
    let usage = tenant.ok("tenants.usage", json!({}));
    assert_eq!((&usage["totalCostUsd"], &usage["totalTokens"]), (&json!("0.001449"), &json!(749)));
    is_sound(&daemon);
}

#[test]
fn the_refusal_says_which_budget_how_much_and_when() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    limit(&daemon, json!({ "cost_per_month_usd": "0.0003" }));
    assert_eq!(post(&tenant, CHAT, &says("hello world")).status, 200);
    let response = post(&tenant, CHAT, &says("hello world"));
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    has_fields(
        error,
        "message type code param request_id quota limit used reserved needed unit window resets_at largest_fitting_max_tokens",
    );
    assert_eq!((&error["type"], &error["code"]), (&json!("insufficient_quota"), &json!("quota_exceeded")));
    assert_eq!((&error["quota"], &error["limit"]), (&json!("cost_per_month_usd"), &json!("0.0003")));
    assert_eq!(
        (&error["used"], &error["needed"], &error["unit"]),
        (&json!("0.000207"), &json!("0.000207"), &json!("USD"))
    );
    // 0.0003 - 0.000207 - 0.000007 for the input leaves 86 micro-USD: 43 tokens of output.
    assert_eq!(error["largest_fitting_max_tokens"], 43);
    assert_eq!(error["window"]["next"], error["resets_at"]);
    is_rfc3339(&error["resets_at"]);
    assert!(response.header("retry-after").is_some_and(|wait| wait.parse::<u64>().is_ok()), "{:?}", response.headers);
    assert!(response.header("ratelimit-policy").is_some_and(|policy| policy.contains("cost_per_month_usd")));
    assert_eq!(response.header("x-should-retry"), Some("false"));
    let mut fits = says("hello world");
    fits["max_tokens"] = json!(43);
    assert_eq!(post(&tenant, CHAT, &fits).status, 200, "what is said to fit fits");
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn tokens_have_budgets_too_and_other_tenants_do_not_notice() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    limit(&daemon, json!({ "tokens_per_day": 110 }));
    assert_eq!(post(&tenant, CHAT, &says("hello world")).status, 200);
    let refused = post(&tenant, CHAT, &says("hello world"));
    assert_eq!((refused.status, &refused.json()["error"]["unit"]), (429, &json!("tokens")));
    assert_eq!(post(&other, CHAT, &says("hello world")).status, 200);
}

#[test]
fn a_soft_limit_warns_and_lets_through() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    limit(&daemon, json!({ "soft_cost_per_day_usd": "0.0001" }));
    let response = post(&tenant, CHAT, &says("hello world"));
    assert_eq!((response.status, response.header("x-openclaw-soft-limit")), (200, Some("soft_cost_per_day_usd")));
}

#[test]
fn an_agent_has_a_budget_of_its_own_where_its_configuration_says_so() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let by =
        |agent: &str| daemon.send(&request(&tenant, CHAT, &says("hello world")).header("X-OpenClaw-Agent-Id", agent));
    let set = |quotas: &str| {
        tenant.done("config.set", json!({ "raw": format!("agents: {{list: [{{id: night, quotas: {quotas}}}]}}\n") }));
    };
    set("{tokens_per_day: 110}");
    assert_eq!(by("night").status, 200);
    let refused = by("night");
    assert_eq!((refused.status, &refused.json()["error"]["quota"]), (429, &json!("agent.tokens_per_day")));
    assert_eq!((by("main").status, by("").status), (200, 200), "the others go on");
    let unknown = by("made-up");
    assert_eq!((unknown.status, &unknown.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    assert!(unknown.text().contains("made-up"), "{}", unknown.text());
    let misspelt = json!({ "raw": "agents: {list: [{id: night, quotas: {tokens_per_dya: 1}}]}\n" });
    let refused = tenant.err("config.set", misspelt).to_string();
    assert!(refused.contains("agents.list[0].quotas") && refused.contains("tokens_per_dya"), "{refused}");
}

#[test]
fn a_quota_object_tells_what_is_used_of_it() {
    let upstream = Upstream::whole("200 OK", FULL);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    limit(&daemon, json!({ "cost_per_month_usd": "0.000414", "tokens_per_month": 214 }));
    assert_eq!(post(&tenant, CHAT, &says("hello world")).status, 200);
    let status = tenant.ok("tenants.quota.status", json!({}));
    assert_eq!((&status["costUsagePercent"], &status["tokenUsagePercent"]), (&json!(50), &json!(50)));
    assert_eq!(status["isBlocked"], false);
    assert_eq!(post(&tenant, CHAT, &says("hello world")).status, 200);
    assert_eq!(tenant.ok("tenants.quota.status", json!({}))["isBlocked"], true);
    let history = tenant.ok("tenants.usage.history", json!({}))["history"].clone();
    assert_eq!(history[0]["totalCostUsd"], "0.000414");
}
