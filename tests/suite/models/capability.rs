//! Models through a component's capability `model`: granted, metered, and without a key.

use super::{budget::FULL, *};

fn loaded(grants: &str) -> Daemon {
    let home = Home::warm();
    let script = home.path().join("script.yaml");
    std::fs::write(&script, SCRIPT).expect("a script");
    let asker = openclaw_tests::workspace().join("target/fixtures/asker.wasm");
    home.configure(&format!(
        "models:\n  default: small\n  providers:\n    - {{id: script, kind: scripted, script: {script:?}, models: [small, other]}}\n\
         {PRICES}    other: {{input: 1, output: 2}}\ncomponents:\n  load: [{asker:?}]\n  grants: {{asker: [{grants}]}}\n"
    ));
    Daemon::start_on(home).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
}

fn ask(text: &str) -> Value {
    json!({ "request": { "model": "small", "messages": [{ "role": "user", "content": text }] } })
}

#[test]
fn an_answer_comes_in_pieces_and_ends_with_what_it_cost() {
    let daemon = loaded("model");
    let tenant = daemon.tenant("acme");
    let pieces = tenant.ok("asker.ask", ask("weather"))["pieces"].clone();
    let kinds: Vec<&str> = pieces.as_array().expect("pieces").iter().filter_map(|piece| piece[0].as_str()).collect();
    assert_eq!(kinds, ["text", "text", "usage", "end"]);
    assert_eq!(pieces[0][1], json!({ "text": "It " }));
    assert_eq!((&pieces[2][1]["outputTokens"], &pieces[2][1]["costUsd"]), (&json!(3), &json!("0.000008")));
    assert_eq!(pieces[3][1]["reason"], "stop");
    let listed = tenant.ok("asker.ask", ask("list"))["pieces"].clone();
    assert_eq!(
        listed[0],
        json!(["tool-call", { "index": 0, "id": "call_0", "name": "ls", "arguments": "{\"path\":\".\"}" }])
    );
    let rows = calls(&daemon, "acme");
    assert_eq!(rows.len(), 2, "each is a row");
    assert_eq!(tenant.ok("asker.models", json!({}))["models"][0]["id"], "small");
    is_sound(&daemon);
}

#[test]
fn a_component_without_the_grant_does_not_start_and_a_narrow_one_reaches_one_model() {
    let home = Home::warm();
    let asker = openclaw_tests::workspace().join("target/fixtures/asker.wasm");
    home.configure(&format!("components:\n  load: [{asker:?}]\n"));
    let failed = Daemon::start_on(home).expect_err("it does not start");
    assert!(failed.log.contains("model"), "{failed}");

    let daemon = loaded("'model:other'");
    let tenant = daemon.tenant("acme");
    let error = tenant.err("asker.ask", ask("weather"));
    assert_eq!((error.name(), error.message.contains("model:small")), ("FORBIDDEN", true), "{error}");
    let mut other = ask("weather");
    other["request"]["model"] = json!("other");
    tenant.done("asker.ask", other);
    assert_eq!(pluck(&tenant.ok("asker.models", json!({}))["models"], "id"), ["other"]);
}

#[test]
fn a_budget_that_is_spent_refuses_a_component_in_the_contracts_words() {
    let daemon = loaded("model");
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "tokens_per_day": 10 } }));
    let response = tenant.respond("asker.ask", &ask("weather"));
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32029), &json!("QUOTA_EXCEEDED")));
    assert_eq!(error["data"]["quota"], "tokens_per_day");
    let mut small = ask("weather");
    small["request"]["maxTokens"] = error["data"]["largest_fitting_max_tokens"].clone();
    tenant.done("asker.ask", small);
}

/// Each question is two of text, four for the message, one of margin, and 100 of output: 207 micro-USD at the most.
#[test]
fn a_component_that_has_spent_its_own_budget_is_refused_before_the_provider_is_reached() {
    let upstream = Upstream::whole("200 OK", FULL);
    let home = Home::warm();
    home.configure(&config(&upstream));
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"));
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let file = openclaw_tests::workspace().join("target/fixtures/asker.wasm");
    let file = file.to_str().expect("a path");
    let flags = ["--grant", "model", "--grant", "model-usd-per-day:0.0003"];
    for whom in ["acme", "other"] {
        daemon.cli(&[&["components", "install", file, "--tenant", whom, "--yes"], &flags[..]].concat()).succeeded();
    }
    let rows = tenant.ok("components.list", json!({}))["components"].clone();
    let asker = rows.as_array().and_then(|rows| rows.iter().find(|row| row["family"] == "asker"));
    assert_eq!(asker.map(|row| &row["grants"]), Some(&json!(["model", "model-usd-per-day:0.0003"])));

    tenant.done("asker.ask", ask("hello world"));
    let response = tenant.respond("asker.ask", &ask("hello world"));
    assert_eq!(response.status, 429, "{}", response.text());
    let data = &response.json()["error"]["data"];
    assert_eq!((&data["code"], &data["quota"]), (&json!("QUOTA_EXCEEDED"), &json!("component.cost_per_day_usd")));
    assert_eq!((&data["limit"], &data["used"]), (&json!("0.0003"), &json!("0.000207")));
    is_rfc3339(&data["resets_at"]);
    assert_eq!(upstream.received().len(), 1, "the second did not reach the provider");

    assert_eq!(post(&tenant, CHAT, &says("hello world")).status, 200, "the tenant's own money is not spent");
    other.done("asker.ask", ask("hello world"));
    let digest = asker.map(|row| row["digest"].clone());
    let wider = json!({ "family": "asker", "digest": digest, "grants": ["model", "model-usd-per-day:1"] });
    daemon.operator_for("acme").done("components.activate", wider);
    tenant.done("asker.ask", ask("hello world"));
    is_sound(&daemon);
}

#[test]
fn an_answer_that_a_component_leaves_unread_is_billed() {
    let daemon = loaded("model");
    let tenant = daemon.tenant("acme");
    let mut question = ask("weather");
    question["pieces"] = json!(1);
    tenant.done("asker.ask", question);
    assert_eq!(wait_for_calls(&daemon, "acme", 1)[0]["output_tokens"], 3);
}

#[test]
fn what_no_model_can_do_is_the_components_fault() {
    let daemon = loaded("model");
    let tenant = daemon.tenant("acme");
    for request in [json!([]), json!({ "model": "small" }), json!({ "model": "small", "messages": [{}], "n": 99 })] {
        let error = tenant.err("asker.ask", json!({ "request": request }));
        assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    }
}
