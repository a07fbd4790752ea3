//! Calls that a component makes of its tenant's other methods.

use crate::contract::*;

use super::{built, params, swap};

fn install_caller(client: &Client, methods: &[&str]) {
    let grants: Vec<String> = methods.iter().map(|method| format!("method:{method}")).collect();
    client.done("components.install", params(&built("fixtures/caller.wasm"), json!({ "grants": grants })));
}

fn through(method: &str, params: Value) -> Value {
    json!({ "method": method, "params": params })
}

/// Parameters with which `caller.call` is called so many times, each inside the one before.
fn nested(depth: usize) -> Value {
    (0..depth).fold(through("voicewake.get", json!({})), |inner, _| through("caller.call", inner))
}

#[test]
fn a_component_calls_its_own_tenants_methods() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install_caller(&daemon.operator(), &["sessions.create", "sessions.list"]);
    a.done("caller.call", through("sessions.create", json!({ "label": "made by a component" })));
    let answer = a.ok("caller.call", through("sessions.list", json!({})));
    assert_eq!(answer["answer"]["sessions"][0]["label"], "made by a component");
    let answer = b.ok("caller.call", through("sessions.list", json!({})));
    assert_eq!(answer["answer"]["sessions"], json!([]), "b's sessions are b's");
}

#[test]
fn only_methods_that_are_granted_by_name_are_called() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let caller = built("fixtures/caller.wasm");
    let error = daemon.operator_for("a").err("components.install", params(&caller, json!({ "grants": [] })));
    assert_eq!((error.name(), &error.data["missing"]), ("FORBIDDEN", &json!(["methods"])), "{error}");
    install_caller(&daemon.operator_for("a"), &["sessions.list", "rpc.discover"]);
    a.done("caller.call", through("sessions.list", json!({})));
    let error = a.err("caller.call", through("sessions.create", json!({})));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    assert!(error.message.contains("method:sessions.create"), "{error}");
    let error = a.err("caller.call", through("rpc.discover", json!({})));
    assert_eq!(error.name(), "NOT_FOUND", "what the host serves is for clients: {error}");
}

#[test]
fn a_call_inside_has_the_scopes_of_its_caller() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["sessions.create"]);
    let reader = a.with_header("X-OpenClaw-Scopes", "read");
    let error = reader.err("caller.call", through("sessions.create", json!({})));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    assert!(error.message.contains("scope write"), "{error}");
    a.done("caller.call", through("sessions.create", json!({})));
}

#[test]
fn the_operators_call_makes_no_component_an_operator() {
    let daemon = Daemon::start();
    let (_a, _b) = (daemon.tenant("a"), daemon.tenant("b"));
    install_caller(&daemon.operator(), &["tenants.get", "tenants.delete"]);
    let operator = daemon.operator_for("a");
    let own = operator.ok("caller.call", through("tenants.get", json!({ "tenantId": "a" })));
    assert_eq!(own["answer"]["tenantId"], "a");
    for method in ["tenants.get", "tenants.delete"] {
        let error = operator.err("caller.call", through(method, json!({ "tenantId": "b" })));
        assert_eq!(error.name(), "FORBIDDEN", "{method}: {error}");
    }
}

#[test]
fn a_call_inside_another_is_counted_as_any_other() {
    let daemon = Daemon::start_with("telemetry: {tenant_label: true}\n");
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["sessions.list", "agents.delete"]);
    let metrics = || daemon.send(&Request::get("/metrics").token(daemon.operator_token())).text();
    let of_tenant = |text: &str| {
        let sample = r#"openclaw_tenant_calls_total{tenant="a",outcome="ok"} "#;
        let number = text.lines().find_map(|line| line.strip_prefix(sample)).expect("the tenant's sample");
        number.parse::<u32>().expect("a number")
    };
    let before = of_tenant(&metrics());
    a.done("caller.call", through("sessions.list", json!({})));
    let _ = a.err("caller.call", through("agents.delete", json!({ "agentId": "nobody" })));
    let text = metrics();
    assert_eq!(of_tenant(&text), before + 2, "the call, and the one inside it");
    for sample in [
        r#"openclaw_calls_total{family="sessions",outcome="ok"} 1"#,
        r#"openclaw_calls_total{family="agents",outcome="NOT_FOUND"} 1"#,
        r#"openclaw_calls_total{family="caller",outcome="ok"} 1"#,
        r#"openclaw_call_seconds_count{family="sessions"} 1"#,
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample} is not in {text}");
    }
}

#[test]
fn calls_nest_four_deep() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["caller.call", "voicewake.get"]);
    a.done("caller.call", nested(3));
    let error = a.err("caller.call", nested(4));
    assert_eq!((error.name(), &error.data["limit"]), ("COMPONENT_FAILED", &json!("depth")), "{error}");
}

#[test]
fn a_component_that_calls_itself_for_ever_fails_alone_and_by_name() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install_caller(&daemon.operator(), &["caller.again", "health"]);
    let error = a.err("caller.again", json!({}));
    assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{error}");
    assert_eq!(error.data["limit"], "depth", "{error}");
    a.done("caller.call", through("health", json!({})));
    b.done("caller.call", through("health", json!({})));
}

/// The place that a call inside another would wait for is its own caller's.
#[test]
fn a_tenant_with_one_place_calls_inside_a_call() {
    let daemon = Daemon::start_with("gateway: {limits: {concurrent_per_tenant: 1}}\n");
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["caller.call", "voicewake.get"]);
    a.done("caller.call", nested(3));
}

#[test]
fn what_the_method_refuses_reaches_the_client() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["agents.delete", "agents.files.get", "caller.none"]);
    for (method, params, code) in [
        ("agents.delete", json!({ "agentId": "nobody" }), "NOT_FOUND"),
        ("agents.files.get", json!({ "agentId": 7 }), "INVALID_REQUEST"),
        ("caller.none", json!({}), "NOT_FOUND"),
    ] {
        let error = a.err("caller.call", through(method, params));
        assert_eq!(error.name(), code, "{method}: {error}");
    }
}

#[test]
fn a_callee_that_fails_is_no_failure_of_its_caller() {
    let daemon = Daemon::start_with("components: {rollback_after: 2}\n");
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    operator.done("components.install", params(&swap("trap000"), json!({ "grants": super::GRANTS })));
    install_caller(&operator, &["swap.version", "health"]);
    for _ in 0..3 {
        let error = a.err("caller.call", through("swap.version", json!({})));
        assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{error}");
    }
    a.done("caller.call", through("health", json!({})));
    let list = a.ok("components.list", json!({}));
    let errors = |family: &str| {
        let rows = list["components"].as_array().expect("components");
        rows.iter().find(|row| row["family"] == family).map(|row| row["errors"].clone()).expect("a row")
    };
    assert_eq!((errors("swap"), errors("caller")), (json!(3), json!(0)));
}

#[test]
fn a_call_inside_ends_with_its_callers_time() {
    let fixture =
        |name: &str| format!("{:?}", openclaw_tests::workspace().join(format!("target/fixtures/{name}.wasm")));
    let daemon =
        Daemon::start_with(&format!("components:\n  load: [{}]\n  limits: {{wall_ms: 1000}}\n", fixture("sleeper")));
    let a = daemon.tenant("a");
    install_caller(&daemon.operator_for("a"), &["sleeper.sleep", "health"]);
    let error = a.err("caller.call", through("sleeper.sleep", json!({})));
    assert_eq!((error.name(), &error.data["limit"]), ("COMPONENT_FAILED", &json!("time")), "{error}");
    a.done("caller.call", through("health", json!({})));
}
