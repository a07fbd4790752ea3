//! `terminal.spawn`: a terminal in the tenant's sandbox.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.spawn", |_| json!({ "cols": 100, "rows": 30 }));
}

#[test]
fn a_shell_is_typed_into_and_what_it_shows_comes_as_events() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({}));
    has_fields(&screen.spawned, "terminalId id pid cols rows");
    assert_eq!((&screen.spawned["cols"], &screen.spawned["rows"]), (&json!(80), &json!(24)));
    screen.write("stty size; echo $((6*7))é; id -u; pwd\n");
    let shown = screen.until("/work");
    assert!(shown.contains("24 80") && shown.contains("42é"), "{shown}");
    assert!(!shown.contains("\n0\r"), "it is no root: {shown}");
    screen.write("exit 3\n");
    let ended = screen.ended();
    has_fields(&ended, "terminalId sessionId exitCode signal reason");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(3), &json!("process_exit")), "{ended}");
}

#[test]
fn a_program_takes_the_place_of_the_shell() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let params = json!({ "cmd": ["sh", "-c", "echo $GREETING; tty"], "env": { "GREETING": "hello" }, "cols": 40 });
    let mut screen = Screen::spawn(&tenant, params);
    let shown = screen.until("/dev/");
    assert!(shown.contains("hello"), "{shown}");
    assert_eq!(screen.ended()["exitCode"], 0);
    let mut missing = Screen::spawn(&tenant, json!({ "shell": "/no/such/shell" }));
    let ended = missing.ended();
    assert!(
        ended["reason"] == "error" && ended["error"].as_str().is_some_and(|why| why.contains("/no/such/shell")),
        "{ended}"
    );
}

#[test]
fn a_tenant_has_so_many() {
    let daemon = Daemon::start_with("sandbox: {terminals_per_tenant: 1}\n");
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let _screen = Screen::spawn(&tenant, json!({}));
    assert_eq!(tenant.err("terminal.spawn", json!({})).name(), "UNAVAILABLE");
    other.done("terminal.spawn", json!({}));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in [
        json!({ "cols": 9 }),
        json!({ "rows": 201 }),
        json!({ "cwd": "../x" }),
        json!({ "env": { "LD_PRELOAD": "/work/x.so" } }),
        json!({ "shell": "/bin/sh", "cmd": ["ls"] }),
        json!({ "sandbox": "none" }),
    ] {
        assert_eq!(tenant.err("terminal.spawn", params.clone()).code, -32602, "{params}");
    }
}

#[test]
fn one_in_which_nothing_happens_is_ended() {
    let daemon = Daemon::start_with("sandbox: {terminal_idle_seconds: 1}\n");
    let tenant = daemon.tenant("acme");
    assert_eq!(Screen::spawn(&tenant, json!({})).ended()["reason"], "idle");
}

#[test]
fn it_ends_with_its_tenants_token_and_with_its_tenant() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    Screen::spawn(&tenant, json!({ "cmd": ["sleep", "1000"] })).forget();
    let token = tenant.ok("tenants.rotate", json!({}))["token"].as_str().expect("a token").to_owned();
    let tenant = daemon.client(&token);
    openclaw_tests::wait_until("its end", || tenant.ok("terminal.list", json!({}))["sessions"] == json!([]));
    tenant.done("terminal.spawn", json!({ "cmd": ["sleep", "1000"] }));
    tenant.done("tenants.delete", json!({ "confirm": true }));
    let again = daemon.tenant("acme");
    assert_eq!(again.ok("terminal.list", json!({}))["sessions"], json!([]));
}
