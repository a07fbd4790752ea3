//! `sessions.abort`: ending a session's run, or one run wherever it is.

use crate::{
    chat::{MAIN, ended, talking, to_main},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("sessions.abort", |stage| json!({ "key": stage.key }));
}

#[test]
fn a_run_is_ended_by_its_id_or_its_session() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    for (id, by) in [("r1", json!({ "runId": "r1" })), ("r2", json!({ "key": MAIN }))] {
        tenant.done("chat.send", to_main(id, "wait for it"));
        assert_eq!(tenant.ok("sessions.abort", by), json!({ "ok": true, "aborted": true }));
        assert_eq!(ended(&tenant, id)["status"], "error");
    }
    assert_eq!(tenant.err("sessions.abort", json!({})).name(), "INVALID_REQUEST");
}
