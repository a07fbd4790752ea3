//! Ending runs.

use super::*;
use std::rc::Rc;

fn abort(tenant: &Tenant) -> Value {
    tenant.call("chat.abort", json!({ "sessionKey": MAIN })).unwrap()
}

#[test]
fn nothing_runs_and_nothing_is_ended() {
    let tenant = tenant([Said::text(["hi"])]);
    assert_eq!(abort(&tenant), json!({ "ok": true, "aborted": false, "runIds": [] }));
    let of_none: Value = tenant.call("sessions.abort", json!({ "runId": "none" })).unwrap();
    assert_eq!(of_none, json!({ "ok": true, "aborted": false }));
}

#[test]
fn what_has_its_turn_and_what_waits_is_ended() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    send(&tenant, "r2", "second");
    assert_eq!(abort(&tenant), json!({ "ok": true, "aborted": true, "runIds": ["r1", "r2"] }));
    assert_eq!(tenant.run_tasks(), 0);
    assert_eq!((status(&tenant, "r1").as_str(), status(&tenant, "r2").as_str()), ("error", "error"));
    assert_eq!(lines(&tenant).last().unwrap()["message"]["stopReason"], "aborted");
    assert_eq!(ask(&tenant, "r3", "third")["status"], "ok");
}

#[test]
fn one_run_is_ended_and_the_others_go_on() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    send(&tenant, "r2", "second");
    let ended: Value = tenant.call("sessions.abort", json!({ "runId": "r2" })).unwrap();
    assert_eq!(ended["aborted"], true);
    assert_eq!(tenant.run_tasks(), 1);
    assert_eq!((status(&tenant, "r1").as_str(), status(&tenant, "r2").as_str()), ("ok", "error"));
}

#[test]
fn a_run_at_work_ends_between_two_steps() {
    let script = [Said::calls("exec", json!({ "command": "slow" })).when("begin"), Said::text(["never"])];
    let tenant = Rc::new(tenant(script));
    let inner = Rc::downgrade(&tenant);
    tenant.play_sandbox(move |workload| {
        if let Some(tenant) = inner.upgrade() {
            assert_eq!(abort(&tenant)["runIds"], json!(["r1"]));
        }
        echo(workload)
    });
    let answered = ask(&tenant, "r1", "begin");
    assert_eq!((&answered["status"], &answered["result"]["meta"]["aborted"]), (&json!("error"), &json!(true)));
    assert_eq!(events(&tenant, "chat").last().unwrap()["state"], "aborted");
    assert!(said(&tenant).iter().all(|(_, text)| text != "never"));
}
