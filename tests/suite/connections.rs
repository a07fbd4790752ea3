//! Connections: how many there may be, how long a reply waits for its reader,
//! and what is said while the gateway goes down.

use std::thread;

use openclaw_tests::{Connection, wait_for, wait_until};
use rustix::process::Signal;

use crate::contract::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#;

#[test]
fn one_connection_too_many_is_closed_and_the_operator_still_gets_in() {
    let daemon = Daemon::start_with("gateway:\n  limits:\n    connections: 4\n");
    let tenant = daemon.tenant("acme");
    let open: Vec<Connection> = (0..4).map(|_| served(&daemon, &tenant)).collect();
    let mut fifth = Connection::open(daemon.address()).expect("the kernel takes it");
    assert!(fifth.send(&tenant.request(CALL)).is_err(), "a fifth is not served");
    // The command line comes by the control socket.
    assert_eq!(daemon.home().cli(&["tenants", "list"]).code, 0);
    daemon.wait_for_log("too many connections");
    drop(open);
}

#[test]
fn a_connection_that_became_a_websocket_keeps_its_place() {
    let daemon = Daemon::start_with("gateway:\n  limits:\n    connections: 4\n");
    let tenant = daemon.tenant("acme");
    let socket = || openclaw_tests::Socket::open(daemon.address(), tenant.token(), &[]).ok();
    let open = [(); 4].map(|()| wait_for("a place for a socket", socket));
    let mut fifth = Connection::open(daemon.address()).expect("the kernel takes it");
    assert!(fifth.send(&tenant.request(CALL)).is_err(), "a fifth is not served");
    drop(open);
    served(&daemon, &tenant);
}

/// A connection that has its place, as an answer shows: that of an earlier request may be given back a little late.
fn served(daemon: &Daemon, tenant: &Tenant) -> Connection {
    wait_for("a place for a connection", || {
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        let served = connection.send(&tenant.request(CALL)).is_ok_and(|response| response.status == 200);
        served.then_some(connection)
    })
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let daemon = Daemon::start_with("gateway:\n  limits:\n    send_seconds: 1\n");
    let tenant = daemon.tenant("acme");
    let batch = vec![r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#; 50].join(",");
    let request = tenant.request(format!("[{batch}]"));
    let mut greedy = Connection::open(daemon.address()).expect("a connection");
    // Written until the gateway, which waits for its reader in vain, has closed the connection.
    let cut_off = (0..10_000).any(|_| greedy.write_request(&request).is_err());
    assert!(cut_off, "the connection was kept");
    assert_eq!(tenant.ok("health", json!({}))["ok"], true);
}

#[test]
fn replies_that_nobody_reads_stop_the_next_request_of_their_tenant_alone() {
    let daemon = Daemon::start();
    let (greedy, other) = (daemon.tenant("greedy"), daemon.tenant("other"));
    let batch = vec![r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#; 50].join(",");
    let request = greedy.request(format!("[{batch}]"));
    let mut unread = Vec::new();
    let refused = (0..400).find_map(|_| {
        let mut connection = Connection::open(daemon.address()).expect("a connection");
        // The first ones, 2 MB each, may fit the kernel's own buffers.
        for _ in 0..8 {
            connection.write_request(&request).expect("it is sent");
        }
        connection.await_status().expect("an answer begins");
        unread.push(connection);
        let response = greedy.post(CALL);
        (response.status != 200).then_some(response)
    });
    let refused = refused.expect("the bound was never reached");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error"]["data"]["code"], "UNAVAILABLE");
    assert_eq!(other.post(CALL).status, 200);
    drop(unread);
    wait_until("what was held is given back", || greedy.post(CALL).status == 200);
}

#[test]
fn going_down_is_said_to_whoever_asks_and_new_calls_are_refused() {
    let sleeper = openclaw_tests::workspace().join("target/fixtures/sleeper.wasm");
    let mut daemon =
        Daemon::start_with(&format!("components:\n  load: [{sleeper:?}]\n  limits: {{wall_ms: 600000}}\n"));
    let tenant = daemon.tenant("acme");
    thread::scope(|scope| {
        let call = scope.spawn(|| tenant.ok("sleeper.until_told", json!({})));
        daemon.wait_for_a_call();
        daemon.signal(Signal::TERM);
        daemon.wait_for_log("stopping");
        // A connection that was idle when the end began is closed, and its client asks again.
        let asked = || Request::get("/readyz").send(daemon.address()).ok();
        let ready = wait_for("that it is not ready", || asked().filter(|response| response.status != 200));
        assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("draining")));
        assert_eq!(daemon.get("/healthz").status, 200);
        assert_eq!(tenant.post(CALL).status, 503);
        let upload = daemon.send(&Request::new("POST", "/v1/uploads").token(tenant.token()).body(*b"x"));
        assert_eq!((upload.status, upload.header("content-type")), (503, Some("application/problem+json")));
        assert_eq!(upload.json()["code"], "UNAVAILABLE");
        let files = daemon.home().tenant("acme").join("plugins/sleeper/data");
        std::fs::create_dir_all(&files).expect("the family's directory");
        std::fs::write(files.join("go"), "").expect("the word");
        assert_eq!(call.join().expect("the call that ran was answered")["slept"], true);
    });
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn headers_that_narrow_a_request_must_be_readable() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for (name, value) in [("X-OpenClaw-Scopes", "re\u{e4}d"), ("X-OpenClaw-Scopes", "read\r\nX-OpenClaw-Scopes: write")]
    {
        let response = tenant.request(CALL).header(name, value).send(daemon.address()).expect("an answer");
        assert_eq!(response.status, 400, "{value:?}");
    }
}

#[test]
fn sighup_takes_over_the_operators_token_and_tells_of_what_waits_for_a_restart() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let config = |token: &str, more: &str| format!("gateway:\n  control_plane_token: {token}\n{more}");
    let daemon = Daemon::start_with(&config(&old, ""));
    let status = |token: &str| daemon.send(&Request::rpc(CALL).token(token)).status;
    assert_eq!((status(&old), status(&new)), (200, 401));
    daemon.home().configure(&config(&new, "durability: power-safe\n"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("reloaded");
    assert_eq!((status(&old), status(&new)), (401, 200));
    daemon.wait_for_log("durability");
}
