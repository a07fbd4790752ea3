//! Ending what runs.

use super::*;
use openclaw_tests::wait_until;

#[test]
fn a_run_that_waits_for_a_command_is_ended_where_it_stands() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.send", to_main("r1", "wait for it"));
    wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
    tenant.done("chat.send", to_main("r2", "weather"));
    let one = tenant.ok("chat.abort", json!({ "sessionKey": MAIN, "runId": "r1" }));
    assert_eq!(one, json!({ "ok": true, "aborted": true, "runIds": ["r1"] }));
    assert_eq!(ended(&tenant, "r1")["error"], "ended on request");
    assert_eq!(ended(&tenant, "r2")["status"], "ok", "what waited has its turn");
}

#[test]
fn a_client_that_waits_for_its_answer_is_told() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| tenant.err("agent", message("r1", "wait for it")));
        wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
        assert_eq!(tenant.ok("sessions.abort", json!({ "runId": "r1" })), json!({ "ok": true, "aborted": true }));
        assert_eq!(waits.join().expect("it was told").name(), "UNAVAILABLE");
    });
    assert_eq!(tenant.ok("agent", message("r2", "weather"))["status"], "ok");
}
