//! What is billed whatever happens: to the caller, to the provider, to the gateway.

use super::*;

const HI: &str = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;

fn begin(tenant: &Tenant) -> openclaw_tests::Connection {
    let mut connection = openclaw_tests::Connection::open(tenant.address()).expect("a connection");
    connection.write_request(&request(tenant, CHAT, &streams("hello world"))).expect("it is sent");
    connection
}

#[test]
fn who_hangs_up_is_billed_by_the_providers_own_numbers() {
    let upstream = Upstream::streaming(&[Some(HI), None, Some(USAGE), Some("[DONE]")]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let mut connection = begin(&tenant);
    connection.await_status().expect("an answer begins");
    drop(connection);
    upstream.go();
    let row = &wait_for_calls(&daemon, "acme", 1)[0];
    assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!(9), &json!(1)));
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
    assert_eq!(report["rows"][0]["estimated_rows"], 0);
    is_sound(&daemon);
}

#[test]
fn a_call_that_a_kill_cut_short_is_estimated_and_never_lost() {
    let upstream = Upstream::streaming(&[Some(HI), None]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let mut connection = begin(&tenant);
    connection.await_status().expect("an answer begins");
    let daemon = Daemon::start_on(daemon.into_home()).expect("it starts again");
    let row = &calls(&daemon, "acme")[0];
    assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!(7), &json!(0)));
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
    assert_eq!(
        (&report["rows"][0]["estimated_rows"], &report["rows"][0]["cost_usd"]),
        (&json!(1), &json!("0.000007000000"))
    );
    is_sound(&daemon);
}

#[test]
fn a_provider_without_usage_is_counted_and_marked() {
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let upstream = Upstream::streaming(&[Some(HI), Some(stop), Some("[DONE]")]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &streams("hello world"));
    assert!(response.text().contains("outcome estimated"), "{}", response.text());
    assert_eq!(calls(&daemon, "acme")[0]["output_tokens"], 1);
}

#[test]
fn what_was_billed_is_the_same_after_a_kill() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    for _ in 0..3 {
        assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    }
    let report = |daemon: &Daemon| daemon.cli(&["billing", "report", "acme", "--csv"]).exited(0).stdout;
    let before = report(&daemon);
    let daemon = Daemon::start_on(daemon.into_home()).expect("it starts again");
    assert_eq!(report(&daemon), before, "byte for byte");
    assert!(before.contains(",3,0,6,0,0,9,0,"), "{before}");
    is_sound(&daemon);
}

#[test]
fn a_tenant_reads_its_own_usage_and_nobody_elses() {
    let daemon = scripted();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    assert_eq!(get(&tenant, "/v1/usage").json()["totalTokens"], 5);
    assert_eq!(get(&other, "/v1/usage").json()["totalTokens"], 0);
    let csv = get(&tenant, "/v1/usage/report?format=csv&calls=true");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.text().starts_with("timestamp,tenant_id,model,") && csv.text().lines().count() == 2, "{}", csv.text());
    assert_eq!(get(&other, "/v1/usage/report").json(), json!([]));
    assert_eq!(get(&tenant, "/v1/usage/report?period=soon").status, 422);
    assert_eq!(get(&tenant, "/v1/usage/report?bogus=1").status, 422);
}

#[test]
fn the_command_line_reports_with_the_daemon_and_without() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    let id = calls(&daemon, "acme")[0]["request_id"].as_str().expect("an id").to_owned();
    let asked: &[&[&str]] = &[
        &["billing", "report", "acme"],
        &["billing", "report", "acme", "--calls", "--format", "json"],
        &["billing", "summary", "--format", "csv"],
        &["billing", "rollup", "--tenant", "acme", "--unit", "month", "--format", "csv"],
        &["billing", "explain", &id],
        &["billing", "rerate", "--dry-run", "--json"],
    ];
    let beside: Vec<String> = asked.iter().map(|verb| daemon.cli(verb).exited(0).stdout).collect();
    let home = daemon.into_home();
    let alone: Vec<String> = asked.iter().map(|verb| home.cli(verb).exited(0).stdout).collect();
    assert_eq!(beside, alone);
    assert!(beside[4].contains("input_uncached") && beside[4].contains("0.000002000000"), "{}", beside[4]);
    home.cli(&["billing", "rerate"]).exited(2);
    home.cli(&["billing", "report", "nobody"]).exited(3);
}

#[test]
fn a_deleted_tenants_rows_go_with_it() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    tenant.done("tenants.delete", json!({ "confirm": true }));
    assert_eq!(daemon.operator().ok("billing.report", json!({}))["rows"], json!([]));
    is_sound(&daemon);
}

#[test]
fn a_rate_card_that_is_wrong_keeps_the_gateway_from_starting() {
    let home = Home::with_config("billing:\n  rate_card:\n    small: {input: 1, outptu: 2}\n");
    let told = home.cli(&["config", "validate"]).exited(8);
    assert!(told.stderr.contains("outptu") && told.stderr.contains(":3:"), "{told:?}");
    let failed = Daemon::start_on(home).expect_err("it does not start");
    assert_eq!(failed.code, Some(8), "{failed}");
}

#[test]
fn calls_come_by_pages_to_who_asks_for_them() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    for _ in 0..3 {
        assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    }
    let page = |after: &str| get(&tenant, &format!("/v1/usage/report?calls=true&limit=2{after}")).json();
    let first = page("");
    assert_eq!(first.as_array().map(Vec::len), Some(2), "{first}");
    let last = first[1]["request_id"].as_str().expect("an id");
    let second = page(&format!("&after={last}"));
    assert_eq!(second.as_array().map(Vec::len), Some(1), "{second}");
    assert_eq!(get(&tenant, "/v1/usage/report?limit=2").status, 422, "a sum has no pages");
    assert_eq!(get(&tenant, "/v1/usage/report?calls=true&limit=0").status, 422);
}
