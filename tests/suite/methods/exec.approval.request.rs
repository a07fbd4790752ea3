//! `exec.approval.request`: asks whether a command may be run, and waits for the answer.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("exec.approval.request", |_| json!({ "command": "ls", "timeoutMs": 10 }));
}

#[test]
fn nobody_who_answers_in_time_is_no_decision() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let answered = tenant.ok("exec.approval.request", json!({ "command": "ls", "timeoutMs": 30 }));
    has_fields(&answered, "id decision createdAtMs expiresAtMs");
    assert_eq!(answered["decision"], Value::Null, "{answered}");
    let (created, expires) = (answered["createdAtMs"].as_u64(), answered["expiresAtMs"].as_u64());
    assert_eq!(created.map(|created| created + 30), expires, "{answered}");
    let late = json!({ "id": answered["id"], "decision": "allow-once" });
    assert_eq!(tenant.err("exec.approval.resolve", late).name(), "NOT_FOUND");
}

#[test]
fn the_same_id_joins_who_asked_first_and_both_get_the_answer() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    let params = json!({ "id": "one", "command": "ls" });
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asks = || {
            let (tenant, params) = (&tenant, params.clone());
            scope.spawn(move || tenant.ok("exec.approval.request", params))
        };
        let threads = [asks(), asks()];
        assert_eq!(socket.event_named("exec.approval.requested").payload["id"], "one");
        openclaw_tests::wait_until("both wait", || daemon.calls_in_flight() >= 2);
        tenant.done("exec.approval.resolve", json!({ "id": "one", "decision": "deny" }));
        threads.map(|thread| thread.join().expect("an answer")).to_vec()
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["decision"], "deny");
    let heard = socket.events_so_far();
    assert!(heard.iter().all(|event| event.event != "exec.approval.requested"), "nobody is asked twice: {heard:?}");
    assert_eq!(tenant.ok("exec.approval.request", params), answers[0], "and whoever comes later");
    let other = tenant.err("exec.approval.request", json!({ "id": "one", "command": "rm" }));
    assert_eq!(other.name(), "CONFLICT", "{other}");
}

#[test]
fn in_two_phases_the_answer_is_fetched_later() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let params = json!({ "command": "ls", "twoPhase": true });
    let asked = tenant.ok("exec.approval.request", params);
    assert_eq!(asked["decision"], Value::Null, "{asked}");
    let again = json!({ "id": asked["id"], "command": "ls" });
    tenant.done("exec.approval.resolve", json!({ "id": asked["id"], "decision": "allow-once" }));
    assert_eq!(tenant.ok("exec.approval.request", again)["decision"], "allow-once");
}

#[test]
fn nothing_that_a_terminal_would_act_upon_reaches_who_is_asked() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    let params = json!({
        "command": "ls\u{1b}[2K\rrm -rf .\n#\u{202e}", "cwd": "a\u{9b}b", "agentId": "main\u{7}", "twoPhase": true,
    });
    tenant.done("exec.approval.request", params);
    let request = socket.event_named("exec.approval.requested").payload["request"].clone();
    assert_eq!(request["command"], "ls\\u{1b}[2K\\u{d}rm -rf .\\u{a}#\\u{202e}", "all of it can be read");
    for text in request.as_object().expect("members").values().filter_map(Value::as_str) {
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn so_many_join_who_asked_first_and_the_others_are_told_to_come_again() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            let (tenant, tell) = (&tenant, tell.clone());
            let params = json!({ "id": "one", "command": "ls" });
            scope.spawn(move || tell.send(tenant.call("exec.approval.request", params)));
        }
        for refused in told.iter().take(3) {
            assert_eq!(refused.expect_err("nine wait").name(), "UNAVAILABLE");
        }
        tenant.done("exec.approval.resolve", json!({ "id": "one", "decision": "deny" }));
        for answer in told.iter().take(9) {
            assert_eq!(answer.expect("an answer")["decision"], "deny");
        }
    });
}

#[test]
fn so_many_wait_at_once() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let ask = |session: &str| {
        let params = json!({ "command": "ls", "sessionKey": session, "twoPhase": true });
        tenant.call("exec.approval.request", params)
    };
    let asked: Vec<Value> = (0..8).map(|_| ask("a").expect("a place")).collect();
    assert_eq!(ask("a").expect_err("a session's are bounded").name(), "UNAVAILABLE");
    (0..8).for_each(|_| drop(ask("b").expect("a place")));
    assert_eq!(ask("c").expect_err("they are bounded").name(), "UNAVAILABLE");
    let waits = tenant.ok("exec.approval.request", json!({ "command": "ls", "sessionKey": "a", "timeoutMs": 10 }));
    assert_eq!(waits["decision"], Value::Null, "whoever waits finds room: {waits}");
    tenant.done("exec.approval.resolve", json!({ "id": asked[0]["id"], "decision": "deny" }));
    assert!(ask("c").is_ok());
    let too_long = tenant.err("exec.approval.request", json!({ "command": "x".repeat(20_000) }));
    assert_eq!(too_long.name(), "INVALID_REQUEST", "{too_long}");
}
