//! The steps of a turn: the sandbox, the ledger, the events, other tenants.

use super::*;

#[test]
fn an_agent_runs_code_in_its_sandbox() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let answered = tenant.ok("agent", message("r1", "run it"));
    assert_eq!(
        (&answered["status"], &answered["summary"]),
        (&json!("ok"), &json!("The command has run.")),
        "{answered}"
    );
    let made = std::fs::read_to_string(work(&daemon, "acme", "made")).expect("what the command wrote");
    assert_eq!(made, "OUTPUT of 42\n");
    let expected = [
        ("user", "run it"),
        ("assistant", ""),
        ("toolResult", "OUTPUT of 42\n"),
        ("assistant", "The command has run."),
    ];
    assert_eq!(history(&tenant), pairs(&expected));
    let usage = tenant.ok("tenants.usage", json!({}));
    assert!(usage["sandboxCpuSeconds"].is_number(), "{usage}");
    assert_eq!(usage["toolCalls"], 1, "{usage}");
    let summary = daemon.operator().ok("billing.summary", json!({ "tenantId": "acme" }));
    assert_eq!((&summary["rows"][0]["tools_run"], &summary["rows"][0]["tool_calls"]), (&json!(1), &json!(1)));
}

#[test]
fn the_rows_are_the_providers_own_numbers_before_and_after_a_kill() {
    let mut daemon = talking();
    let tenant = daemon.tenant("acme");
    let answered = tenant.ok("agent", message("r1", "run it"));
    tenant.done("agent", message("r2", "weather"));
    let numbers = |daemon: &Daemon| {
        let of = |row: &Value| {
            ["input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens", "cost_usd"]
                .map(|name| row[name].clone())
        };
        let mut rows: Vec<_> = calls(daemon, "acme").iter().map(of).collect();
        rows.sort_by_key(|row| row[0].as_u64());
        rows
    };
    let expected = [
        [json!(7), json!(2), json!(3), json!(1), json!("0.000017000000")],
        [json!(20), json!(0), json!(9), json!(0), json!("0.000038000000")],
        [json!(30), json!(0), json!(4), json!(0), json!("0.000038000000")],
    ];
    assert_eq!(numbers(&daemon), expected);
    let usage = &answered["result"]["meta"]["usage"];
    assert_eq!((&usage["input"], &usage["output"], &usage["costUsd"]), (&json!(50), &json!(13), &json!("0.000076")));
    daemon.kill();
    let daemon = Daemon::start_on(daemon.into_home()).expect("it starts again");
    assert_eq!(numbers(&daemon), expected);
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
    assert_eq!((&report["rows"][0]["requests"], &report["rows"][0]["cost_usd"]), (&json!(3), &json!("0.000093000000")));
}

#[test]
fn a_budget_that_is_spent_refuses_a_turn_in_the_contracts_words_and_the_session_goes_on() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let limit =
        |quotas: Value| daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    limit(json!({ "tokens_per_day": 10 }));
    let response = tenant.respond("agent", &message("r1", "weather"));
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!((&error["data"]["code"], &error["data"]["quota"]), (&json!("QUOTA_EXCEEDED"), &json!("tokens_per_day")));
    assert!(error["data"]["resets_at"].is_string(), "{error}");
    assert_eq!(calls(&daemon, "acme"), [] as [Value; 0], "the provider was not reached");
    assert_eq!(ended(&tenant, "r1")["status"], "error");
    limit(json!({ "tokens_per_day": null }));
    assert_eq!(tenant.ok("agent", message("r2", "weather"))["summary"], "It rains.");
}

#[test]
fn the_tenants_connections_hear_of_a_run_and_no_others() {
    let daemon = talking();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let (mut of_a, mut of_b) = (a.socket(), b.socket());
    of_a.subscribe(None);
    of_b.subscribe(None);
    a.done("chat.send", to_main("r1", "weather"));
    ended(&a, "r1");
    let mut states = Vec::new();
    while states.last() != Some(&json!("final")) {
        let chat = of_a.event_named("chat").payload;
        has_fields(&chat, "runId sessionKey seq state message? errorMessage? usage? stopReason?");
        states.push(chat["state"].clone());
    }
    assert_eq!(states[0], "delta", "{states:?}");
    b.done("voicewake.set", json!({ "triggers": ["b"] }));
    assert_eq!(of_b.event().event, "voicewake.changed", "the first thing that b hears of");
}

#[test]
fn agents_of_two_tenants_know_nothing_of_each_other() {
    let daemon = talking();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    a.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": format!("text {MARK}") }));
    a.done("agent", message("same id", &format!("run it, {MARK}")));
    std::fs::write(work(&daemon, "a", "secret"), MARK).expect("a file of a's");
    let of_b = b.ok("agent", message("same id", "run it"));
    assert_eq!(of_b["summary"], "The command has run.", "the id is b's own");
    b.done("chat.send", to_main("r2", "run it"));
    ended(&b, "r2");
    let everything = [
        of_b.to_string(),
        b.ok("chat.history", json!({ "sessionKey": MAIN })).to_string(),
        b.ok("sessions.list", json!({ "includeDerivedTitles": true, "includeLastMessage": true })).to_string(),
        b.ok("sandbox.run", json!({ "command": ["sh", "-c", "ls -A; cat *"] })).to_string(),
    ];
    for told in everything {
        assert!(!told.contains(MARK), "{told}");
    }
    let files = daemon.home().files_with(MARK);
    assert!(files.iter().all(|file| file.starts_with("tenants/a/")), "{files:?}");
}

#[test]
fn a_host_that_the_operator_does_not_list_is_not_asked() {
    let script = r#"answers:
  - {when: "fetch", toolCalls: [{name: http_fetch, arguments: {url: "https://example.com/"}}]}
  - {when: "FORBIDDEN", text: [refused]}
  - {text: [asked]}
"#;
    let daemon = talking();
    std::fs::write(daemon.home().path().join("script.yaml"), script).expect("a script");
    let daemon = daemon.restarted();
    let tenant = daemon.tenant("acme");
    assert_eq!(tenant.ok("agent", message("r1", "fetch"))["summary"], "refused");
    let audit = daemon.home().audit();
    let attempt = audit.iter().find(|line| line["action"] == "component.http").expect("the attempt is written down");
    assert_eq!((&attempt["detail"]["host"], &attempt["detail"]["family"]), (&json!("example.com"), &json!("chat")));
}

#[test]
fn a_tenant_brings_its_tools_down_and_never_up() {
    let daemon = talking_with("tools: {deny: [exec], exec: {security: allowlist}}\n");
    let tenant = daemon.tenant("acme");
    let error = tenant.err("config.patch", json!({ "raw": r#"{"tools": {"exec": {"security": "full"}}}"# }));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    let stricter = r#"{"tools": {"exec": {"security": "deny", "ask": "always"}}}"#;
    tenant.done("config.patch", json!({ "raw": stricter }));
    tenant.done("agent", message("r1", "run it"));
    let told = &history(&tenant)[2];
    assert!(told.1.starts_with("FORBIDDEN"), "{told:?}");
    assert!(!work(&daemon, "acme", "made").exists());
}

#[test]
fn a_client_that_takes_events_reads_a_run_as_it_happens() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let stream = |params: &Value| {
        let frame = openclaw_tests::rpc::frame(7, "agent", params).to_string();
        tenant.request(frame).header("Accept", "text/event-stream").send(tenant.address()).expect("a response")
    };
    let response = stream(&message("r1", "run it"));
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/event-stream")));
    let text = response.text();
    let data = |name: &str| {
        let marked = format!("event: {name}\n");
        let blocks = text.split("\n\n").filter_map(|block| block.strip_prefix(marked.as_str()));
        blocks
            .map(|block| serde_json::from_str::<Value>(block.trim_start_matches("data: ")).expect("JSON"))
            .collect::<Vec<_>>()
    };
    let streams: Vec<Value> = data("agent").iter().map(|event| event["stream"].clone()).collect();
    assert_eq!(streams.first(), Some(&json!("lifecycle")), "{text}");
    assert!(streams.contains(&json!("tool")) && streams.contains(&json!("assistant")), "{text}");
    let result = &data("result")[0];
    assert_eq!((&result["id"], &result["result"]["summary"]), (&json!(7), &json!("The command has run.")));
    assert!(text.trim_end().rsplit("\n\n").next().is_some_and(|last| last.starts_with("event: result")), "{text}");
    let refused = stream(&json!({ "message": "", "idempotencyKey": "r2" }));
    assert_eq!(
        (refused.header("content-type"), &refused.json()["error"]["code"]),
        (Some("application/json"), &json!(-32602))
    );
}
