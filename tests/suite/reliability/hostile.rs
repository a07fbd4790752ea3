//! R3: a component that means harm fails alone and by name.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
};

use openclaw_tests::{server, wait_until};

use crate::contract::*;

use super::{config_with, hostile_daemon};

/// Small limits make a short test; each is still far above what an honest call needs.
const LIMITS: &str = "  limits: {cpu_ms: 300, memory_mb: 64, wall_ms: 1500}\n";

fn broke(error: &RpcError, limit: &str) {
    assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{error}");
    assert_eq!(error.data["limit"], limit, "{error}");
    assert!(!error.to_string().contains("wasm backtrace"), "{error}");
}

/// While a call of `a` misbehaves, `b` is answered, and `a` is right after it.
fn fails_alone(method: &str, params: Value, limit: &str) {
    let daemon = hostile_daemon(LIMITS);
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let error = thread::scope(|scope| {
        let attack = scope.spawn(|| a.err(method, params));
        b.done("health", json!({}));
        assert_eq!(b.ok("hostile.echo", json!({ "value": 7 }))["value"], 7);
        attack.join().expect("an answer")
    });
    broke(&error, limit);
    assert_eq!(a.ok("hostile.echo", json!({ "value": 7 }))["value"], 7);
    a.done("health", json!({}));
}

#[test]
fn an_endless_loop() {
    fails_alone("hostile.loop", json!({}), "time");
}

#[test]
fn a_memory_bomb() {
    fails_alone("hostile.memory", json!({}), "memory");
}

#[test]
fn a_deep_recursion() {
    fails_alone("hostile.recurse", json!({}), "stack");
}

#[test]
fn a_huge_result() {
    fails_alone("hostile.huge_result", json!({ "bytes": 9 << 20 }), "result-size");
}

#[test]
fn a_flood_of_host_calls() {
    fails_alone("hostile.host_calls", json!({}), "host-calls");
}

#[test]
fn a_flood_of_timers() {
    fails_alone("hostile.timer_flood", json!({}), "host-calls");
}

#[test]
fn a_sleep_for_ever() {
    fails_alone("sleeper.sleep", json!({}), "time");
}

#[test]
fn asking_again_and_again_in_the_host() {
    fails_alone("sleeper.until_told", json!({}), "time");
}

#[test]
fn a_transaction_of_a_thousand_large_documents() {
    fails_alone("hostile.document_bomb", json!({ "operations": 1000, "bytes": 1 << 20 }), "memory");
}

/// What is written without end ends by its time, or by the tenant's own quota.
#[test]
fn large_documents_without_end() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant_with(json!({ "tenantId": "a", "quotas": { "disk_bytes": 64 << 20 } }));
    let b = daemon.tenant("b");
    let error = thread::scope(|scope| {
        let attack = scope.spawn(|| a.err("hostile.document_bomb", json!({ "operations": 4, "bytes": 1 << 19 })));
        b.done("sessions.create", json!({}));
        b.done("health", json!({}));
        attack.join().expect("an answer")
    });
    let ended = error.name() == "QUOTA_EXCEEDED" || error.data["limit"] == "time";
    assert!(ended, "{error}");
    b.done("sessions.create", json!({}));
    a.done("health", json!({}));
}

#[test]
fn memory_just_under_the_limit_in_many_calls_at_once() {
    let daemon = hostile_daemon("  limits: {memory_mb: 64}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    thread::scope(|scope| {
        let calls: Vec<_> =
            (0..16).map(|_| scope.spawn(|| a.call("hostile.hold", json!({ "megabytes": 60 })))).collect();
        b.done("health", json!({}));
        for call in calls {
            match call.join().expect("an answer") {
                Ok(held) => assert_eq!(held["count"], 60 << 20),
                Err(error) => assert_eq!(error.name(), "UNAVAILABLE", "{error}"),
            }
        }
    });
    b.done("health", json!({}));
}

#[test]
fn waiting_in_the_host_is_no_cpu_time() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant("a");
    assert_eq!(a.ok("sleeper.sleep", json!({ "milliseconds": 800 }))["slept"], true);
}

#[test]
fn a_trap() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant("a");
    let error = a.err("hostile.trap", json!({}));
    assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{error}");
    assert_eq!(error.data.get("limit"), None, "{error}");
    a.done("hostile.echo", json!({}));
}

#[test]
fn a_result_that_is_no_json_or_not_its_schema() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant("a");
    for method in ["hostile.invalid_json", "hostile.bad_result"] {
        let error = a.err(method, json!({}));
        assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{method}: {error}");
    }
    a.done("hostile.echo", json!({}));
}

#[test]
fn a_hoard_of_handles() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant("a");
    let error = a.err("hostile.handles", json!({}));
    assert_eq!((error.code, error.name()), (-32020, "COMPONENT_FAILED"), "{error}");
    a.done("hostile.echo", json!({}));
}

#[test]
fn a_flood_of_log_lines_is_cut_and_forges_none() {
    let daemon = hostile_daemon(LIMITS);
    let a = daemon.tenant("a");
    let _ = a.call("hostile.log_flood", json!({ "times": 5000, "bytes": 10 }));
    a.done("hostile.echo", json!({}));
    let log = daemon.log() + &std::fs::read_to_string(daemon.home().path().join("gateway.log")).unwrap_or_default();
    assert!(!log.contains('\u{1b}'), "a component put control characters into the log");
    // A call's 200 lines, on stderr and in the file, each with the word in message and field.
    let words = log.matches("forged").count();
    assert!((1..=2 * 2 * 200).contains(&words), "{words} words in the lines of one call");
    assert!(!log.lines().any(|line| line.starts_with("[31mforged")), "a component forged a line");
}

#[test]
fn a_flood_of_events_stays_with_its_tenant() {
    let daemon = hostile_daemon(LIMITS);
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut socket = b.socket();
    socket.subscribe(None);
    a.done("hostile.event_flood", json!({ "times": 1024 }));
    broke(&a.err("hostile.event_flood", json!({ "times": 1025 })), "host-calls");
    assert_eq!(socket.events_so_far(), []);
    a.done("hostile.echo", json!({}));
}

#[test]
fn an_event_that_the_manifest_does_not_list_is_refused() {
    let daemon = hostile_daemon(LIMITS);
    let outcome = daemon.tenant("a").ok("hostile.foreign_event", json!({ "event": "voicewake.changed" }));
    assert_eq!(outcome["code"], "FORBIDDEN", "{outcome}");
}

#[test]
fn many_attacks_at_once_leave_the_neighbour_served() {
    let daemon = hostile_daemon(LIMITS);
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    thread::scope(|scope| {
        for method in
            ["hostile.loop", "hostile.memory", "hostile.recurse", "hostile.trap", "hostile.loop", "hostile.handles"]
        {
            let a = &a;
            scope.spawn(move || a.err(method, json!({})));
        }
        for _ in 0..20 {
            b.done("health", json!({}));
        }
    });
    assert_eq!(daemon.get("/healthz").status, 200);
}

/// serde_json reads the text inside this key as JSON again, with limits of its own.
#[test]
fn a_second_document_inside_a_string() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let key = "$serde_json::private::RawValue";
    let mut bomb = "null".to_owned();
    for _ in 0..9 {
        let inner = format!("{}{bomb}{}", "[".repeat(100), "]".repeat(100));
        bomb = json!({ key: inner }).to_string();
    }
    let told = a.post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"health","params":{bomb}}}"#)).text();
    assert!(told.contains("-32700") && told.contains("is reserved"), "{told}");
    // In YAML it is a value like any other, which is sealed and opened again.
    let _ = a.call("config.set", json!({ "raw": format!(r#"{{"talk":{{"apiKey":{bomb}}}}}"#) }));
    let _ = a.call("health", json!({}));
    daemon.tenant("b").done("health", json!({}));
}

#[test]
fn calls_of_a_deleted_tenant_do_not_reach_its_successor() {
    let asked = Arc::<Mutex<Vec<TcpStream>>>::default();
    let kept = asked.clone();
    // It answers nobody, until the test ends their connections.
    let silent = server::listen(move |stream| kept.lock().expect("nobody panics").push(stream));
    let config = config_with(&["outbound"], &format!("outbound: [\"http:{silent}\"]"))
        + "  http: {private_addresses: [127.0.0.1], timeout_ms: 60000}\n  limits: {wall_ms: 600000}\n";
    let daemon = Daemon::start_with(&config);
    let old = daemon.tenant("acme");
    let set =
        |word| json!({ "jsonrpc": "2.0", "id": word, "method": "voicewake.set", "params": { "triggers": [word] } });
    let wait = json!({
        "jsonrpc": "2.0", "id": 1, "method": "outbound.ask", "params": { "url": format!("http://{silent}/") },
    });
    // Eight run at once: the last begins when the first that waits has ended.
    let mut calls = vec![wait; 8];
    calls.insert(0, set("inside"));
    calls.push(set("old"));
    let body = Value::Array(calls).to_string();
    let text = thread::scope(|scope| {
        let batch = scope.spawn(|| old.post(body.clone()).text());
        wait_until("eight calls that wait", || asked.lock().expect("nobody panics").len() == 8);
        assert_eq!(old.ok("voicewake.get", json!({}))["triggers"], json!(["inside"]));
        daemon.operator().done("tenants.delete", json!({ "tenantId": "acme", "confirm": true }));
        let new = daemon.tenant("acme");
        new.done("voicewake.set", json!({ "triggers": ["new"] }));
        let waiting = std::mem::take(&mut *asked.lock().expect("nobody panics"));
        assert!(waiting.iter().all(is_open), "none of the eight has ended: the last has not begun");
        drop(waiting);
        let text = batch.join().expect("an answer");
        assert_eq!(new.ok("voicewake.get", json!({}))["triggers"], json!(["new"]));
        text
    });
    assert!(!text.contains(r#"["old"]"#), "{text}");
}

/// Whether whoever sent a request waits for its answer still.
fn is_open(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    loop {
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
