//! `sessions.compact`: shortens a transcript.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.compact", |stage| json!({ "key": stage.key }));
}

#[test]
fn keeps_the_newest_lines_and_archives_all() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    for n in 0..10 {
        tenant.done("chat.inject", json!({ "sessionKey": key, "message": format!("line {n}.") }));
    }
    let short = tenant.ok("sessions.compact", json!({ "key": key }));
    assert_eq!((&short["ok"], &short["compacted"]), (&json!(true), &json!(false)), "{short}");
    let compacted = tenant.ok("sessions.compact", json!({ "key": key, "maxLines": 4 }));
    has_fields(&compacted, "ok key compacted kept? archived? reason?");
    assert_eq!((&compacted["compacted"], &compacted["kept"]), (&json!(true), &json!(4)));
    assert!(compacted["archived"].is_string(), "{compacted}");
    let history = tenant.ok("chat.history", json!({ "sessionKey": key })).to_string();
    assert!(history.contains("line 9.") && !history.contains("line 1."), "{history}");
}

#[test]
fn a_session_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("sessions.compact", json!({ "key": "agent:main:direct:none" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}
