//! Signals, and how ready the gateway says it is.

use std::thread;

use openclaw_tests::workspace;
use rustix::process::Signal;

use crate::contract::*;

fn with_sleeper() -> Daemon {
    let sleeper = workspace().join("target/fixtures/sleeper.wasm");
    Daemon::start_with(&format!("components:\n  load: [{sleeper:?}]\n  limits: {{wall_ms: 600000}}\n"))
}

#[test]
fn alive_and_ready_need_no_token() {
    let daemon = Daemon::start();
    for path in ["/healthz", "/readyz"] {
        let response = daemon.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.json()["status"].is_string());
    }
}

#[test]
fn sigterm_ends_what_runs_and_exits_0() {
    let mut daemon = with_sleeper();
    let tenant = daemon.tenant("acme");
    let answer = thread::scope(|scope| {
        let mut socket = tenant.socket();
        socket.call("health", json!({})).expect("health");
        let call = scope.spawn(|| tenant.ok("sleeper.until_told", json!({})));
        daemon.wait_for_a_call();
        daemon.signal(Signal::TERM);
        assert_eq!(socket.closed(), Some(1012));
        let files = daemon.home().tenant("acme").join("plugins/sleeper/data");
        std::fs::create_dir_all(&files).expect("the family's directory");
        std::fs::write(files.join("go"), "").expect("the word");
        call.join().expect("the call that ran was answered")
    });
    assert_eq!(answer["slept"], true);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn sigterm_waits_for_the_calls_of_a_websocket() {
    let mut daemon = with_sleeper();
    let tenant = daemon.tenant("acme");
    let (mut calling, mut idle) = (tenant.socket(), tenant.socket());
    idle.call("health", json!({})).expect("health");
    calling.send(r#"{"jsonrpc":"2.0","id":1,"method":"sleeper.until_told"}"#);
    daemon.wait_for_a_call();
    daemon.signal(Signal::TERM);
    assert_eq!(idle.closed(), Some(1012), "it is going down");
    let files = daemon.home().tenant("acme").join("plugins/sleeper/data");
    std::fs::create_dir_all(&files).expect("the family's directory");
    std::fs::write(files.join("go"), "").expect("the word");
    assert_eq!(calling.reply()["result"]["slept"], true);
    assert_eq!(calling.closed(), Some(1012));
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn sigint_does_too() {
    let mut daemon = Daemon::start();
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn what_was_answered_before_sigterm_is_there_after_the_next_start() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    let daemon = daemon.restarted();
    assert_eq!(daemon.client(tenant.token()).ok("sessions.list", json!({}))["count"], 1);
    assert!(!daemon.home().path().join("core").exists());
}

#[test]
fn sighup_takes_over_a_changed_configuration() {
    let daemon = Daemon::start_with("gateway:\n  allowed_hosts: [one.example]\n");
    let tenant = daemon.tenant("acme");
    let status = |host: &str| {
        let request = tenant.request(r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).header("Host", host);
        daemon.send(&request).status
    };
    assert_eq!((status("one.example"), status("two.example")), (200, 403));
    daemon.home().configure("gateway:\n  allowed_hosts: [two.example]\n");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("reloaded");
    assert_eq!((status("one.example"), status("two.example")), (403, 200));
}

#[test]
fn sighup_with_an_error_keeps_the_old_configuration() {
    let daemon = Daemon::start_with("gateway:\n  allowed_hosts: [one.example]\n");
    let tenant = daemon.tenant("acme");
    daemon.home().configure("gateway:\n  allowed_hosts: [two.example]\n  lisen: x\n");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("lisen");
    let request = tenant.request(r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).header("Host", "one.example");
    assert_eq!(daemon.send(&request).status, 200);
    assert_eq!(daemon.get("/readyz").status, 200);
}

/// The contract with the operator's own clients: a token that was replaced opens nothing any more, and what it
/// opened before is closed.
#[test]
fn sighup_with_another_operators_token_closes_the_connections_of_the_old_one() {
    const TOKENS: [&str; 2] = ["the-operators-token-number-one", "the-operators-token-number-two"];
    let config =
        |token: &str, host: &str| format!("gateway: {{control_plane_token: {token}, allowed_hosts: [{host}]}}\n");
    let daemon = Daemon::start_with(&config(TOKENS[0], "one.example"));
    let operator = daemon.client(TOKENS[0]);
    let token =
        operator.ok("tenants.create", json!({ "tenantId": "acme" }))["token"].as_str().expect("token").to_owned();
    let (mut of_operator, mut of_tenant) = (operator.socket(), daemon.client(&token).socket());

    daemon.home().configure(&config(TOKENS[0], "two.example"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("reloaded");
    of_operator.call("tenants.list", json!({})).expect("the same token is as good as before");

    daemon.home().configure(&config(TOKENS[1], "two.example"));
    daemon.signal(Signal::HUP);
    assert_eq!(of_operator.closed(), Some(1008));
    of_tenant.call("health", json!({})).expect("a tenant's token is its own");
    assert_eq!(operator.respond("tenants.list", &json!({})).status, 401);
    daemon.client(TOKENS[1]).done("tenants.list", json!({}));
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut idle = openclaw_tests::Connection::open(daemon.address()).expect("a connection");
    idle.send(&tenant.request(r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#)).expect("an answer");
    assert!(daemon.terminate().success());
    assert!(!daemon.log().contains("did not end in time"), "the drain waited for it in vain:\n{}", daemon.log());
}
