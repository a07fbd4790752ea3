//! `sessions.send`: a message for the agent of a session.

use crate::{
    chat::{MAIN, ended, talking},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("sessions.send", |stage| json!({ "key": stage.key, "message": "hello" }));
}

#[test]
fn a_run_has_an_id_where_the_client_gives_none() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let sent = tenant.ok("sessions.send", json!({ "key": MAIN, "message": "weather" }));
    has_fields(&sent, "runId status");
    let id = sent["runId"].as_str().expect("an id").to_owned();
    assert_eq!(ended(&tenant, &id)["status"], "ok");
    let of_another = json!({ "key": MAIN, "message": "weather", "agentId": "ada" });
    assert_eq!(tenant.err("sessions.send", of_another).name(), "INVALID_REQUEST");
}
