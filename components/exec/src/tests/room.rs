//! Whoever may ask takes no room from those who ask beside them, nor from who answers.

use super::others::{call_beside, crowded};
use super::*;

/// Asks while so many others wait who asked or joined, one of them for the approval `a`.
fn beside(tenant: &Tenant, asking: usize, joining: usize, request: Value) -> Result<Value> {
    let asks = (0..asking).map(|n| format!("asks:{n}"));
    let names: Vec<String> = asks.chain((0..joining).map(|n| format!("joins:{n}"))).collect();
    let names: Vec<String> = names.into_iter().chain(["approval:a".to_owned()]).collect();
    call_beside(tenant, &names, "exec.approval.request", request)
}

fn pending(tenant: &Tenant) -> u64 {
    tenant.database("exec").collection("pending").count("").unwrap()
}

fn two_phase(tenant: &Tenant, session: &str) -> Result<Value> {
    tenant.call("exec.approval.request", json!({ "command": "ls", "sessionKey": session, "twoPhase": true }))
}

#[test]
fn so_many_calls_wait_at_once() {
    let tenant = crowded();
    let asked = json!({ "id": "b", "command": "ls", "timeoutMs": 10 });
    let refused = beside(&tenant, 16, 0, asked.clone()).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.retry_after_ms), ("UNAVAILABLE", Some(5_000)));
    assert_eq!((pending(&tenant), events(&tenant, "exec.approval.requested")), (0, vec![]), "nobody is asked");
    beside(&tenant, 15, 8, asked).unwrap();
    let fetched_later = json!({ "id": "c", "command": "ls", "twoPhase": true });
    beside(&tenant, 16, 8, fetched_later).unwrap();
    resolve(&tenant, "c", "deny").unwrap();
    let decided = beside(&tenant, 16, 8, json!({ "id": "c", "command": "ls" })).unwrap();
    assert_eq!(decided["decision"], "deny", "what has ended is not waited for");
}

#[test]
fn those_who_join_take_no_place_from_those_who_ask() {
    let tenant = crowded();
    ask(&tenant, "a", "ls");
    let join = json!({ "id": "a", "command": "ls", "timeoutMs": 10 });
    let refused = beside(&tenant, 1, 8, join.clone()).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.retry_after_ms), ("UNAVAILABLE", Some(5_000)));
    beside(&tenant, 16, 7, join).unwrap();
}

#[test]
fn what_is_fetched_later_leaves_room_to_other_sessions_and_to_who_waits() {
    let tenant = tenant();
    let of_a: Vec<Value> = (0..8).map(|_| two_phase(&tenant, "a").unwrap()).collect();
    assert_eq!(two_phase(&tenant, "a").unwrap_err().code, "UNAVAILABLE");
    (0..8).for_each(|_| drop(two_phase(&tenant, "b").unwrap()));
    assert_eq!(two_phase(&tenant, "c").unwrap_err().code, "UNAVAILABLE");
    for session in ["a", "c"] {
        let waits = json!({ "command": "ls", "sessionKey": session, "timeoutMs": 10 });
        let waited: Value = tenant.call("exec.approval.request", waits).unwrap();
        assert_eq!(waited["decision"], Value::Null, "it waited");
    }
    resolve(&tenant, of_a[0]["id"].as_str().unwrap(), "deny").unwrap();
    two_phase(&tenant, "c").unwrap();
}

#[test]
fn no_more_than_this_is_pending_whatever_it_is() {
    let tenant = tenant();
    let first = ask(&tenant, "0", "ls");
    let database = tenant.database("exec");
    let left: Value = database.collection("pending").get("0").unwrap().unwrap();
    for n in 1..64 {
        database.transaction().put("pending", &format!("{n}"), &left, 0).unwrap().commit().unwrap();
    }
    let waits = json!({ "command": "ls", "timeoutMs": 10 });
    assert_eq!(tenant.call::<_, Value>("exec.approval.request", &waits).unwrap_err().code, "UNAVAILABLE");
    resolve(&tenant, first["id"].as_str().unwrap(), "deny").unwrap();
    tenant.call::<_, Value>("exec.approval.request", &waits).unwrap();
}

#[test]
fn old_decisions_are_forgotten_and_what_nobody_decided_takes_none_of_their_room() {
    let tenant = tenant();
    let kept = |name: &str| tenant.database("exec").collection(name).count("").unwrap();
    for n in 0..400 {
        ask(&tenant, &format!("{n}"), "ls");
        resolve(&tenant, &format!("{n}"), "deny").unwrap();
    }
    let decided = kept("settled");
    assert!((256..=288).contains(&decided), "{decided}");
    for n in 400..800 {
        let lapses = json!({ "id": format!("{n}"), "command": "ls", "timeoutMs": 1 });
        tenant.call::<_, Value>("exec.approval.request", lapses).unwrap();
    }
    assert!(decided - kept("settled") <= 32, "no decision more than whoever asked cleared up");
    assert!((64..=96).contains(&kept("lapsed")), "{}", kept("lapsed"));
    assert_eq!(ask(&tenant, "399", "ls")["decision"], "deny");
    assert_eq!(ask(&tenant, "799", "ls")["decision"], Value::Null);
}

#[test]
fn whoever_looks_sees_what_waits() {
    let tenant = tenant();
    tenant.set_clock(1_000);
    ask(&tenant, "a", "ls\n");
    tenant.set_clock(2_000);
    ask(&tenant, "b", "ls");
    resolve(&tenant, "b", "deny").unwrap();
    let asked =
        json!({ "id": "a", "request": { "command": "ls\\u{a}" }, "createdAtMs": 1_000, "expiresAtMs": 121_000 });
    assert_eq!(file(&tenant)["pending"], json!([asked]));
    assert_eq!(events(&tenant, "exec.approval.requested")[0], asked, "as it was told");
    tenant.set_clock(121_000);
    assert_eq!(file(&tenant)["pending"], json!([]), "its time is over");
}
