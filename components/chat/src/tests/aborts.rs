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
fn no_more_wait_than_one_call_ends_and_tells_of() {
    let queue = json!({ "messages": { "queue": { "mode": "followup", "cap": 1_000 } } });
    let tenant = tenant([Said::text(["hi"])]).with_config(queue);
    let ids: Vec<String> = (0..=300).map(|number| format!("r{number}")).collect();
    ids.iter().for_each(|id| _ = send(&tenant, id, "hello"));
    let params = json!({ "sessionKey": MAIN, "message": "one more", "idempotencyKey": "more" });
    assert_eq!(tenant.call::<_, Value>("chat.send", params).unwrap_err().code, "UNAVAILABLE");
    assert_eq!(abort(&tenant)["runIds"], json!(ids));
    assert_eq!(events(&tenant, "chat").iter().filter(|event| event["state"] == "aborted").count(), 301);
    assert_eq!(tenant.run_tasks(), 0);
}

#[test]
fn a_line_that_is_longer_is_ended_whole() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r0", "first");
    send(&tenant, "r1", "second");
    let ids: Vec<String> = (0..=900).map(|number| format!("r{number}")).collect();
    let chat = tenant.database("chat");
    let mut run: Value = chat.collection("runs").get("r1").unwrap().unwrap();
    for id in &ids[2..] {
        run["id"] = id.as_str().into();
        chat.transaction().put("runs", id, &run, 0).unwrap().commit().unwrap();
    }
    let mut lane: Value = chat.collection("lanes").get(MAIN).unwrap().unwrap();
    lane["waiting"] = json!(ids[1..]);
    chat.transaction().put("lanes", MAIN, &lane, 0).unwrap().commit().unwrap();

    assert_eq!(abort(&tenant)["runIds"], json!(ids));
    assert!(ids.iter().all(|id| status(&tenant, id) == "error"));
    assert_eq!(chat.collection("lanes").count("").unwrap(), 0, "nobody waits any more");
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
