//! `agent`: a message, and the answer.

use crate::{
    chat::{history, message, pairs, talking},
    contract::*,
};

#[test]
fn keeps_the_contract() {
    contract("agent", |_| json!({ "message": "hello", "idempotencyKey": "r1" }));
}

#[test]
fn the_answer_comes_with_what_it_took_and_stays_in_the_history() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let answered = tenant.ok("agent", message("r1", "weather?"));
    has_fields(&answered, "runId status summary result?");
    assert_eq!((&answered["runId"], &answered["status"]), (&json!("r1"), &json!("ok")));
    assert_eq!(answered["result"]["payloads"], json!([{ "text": "It rains." }]));
    let meta = &answered["result"]["meta"];
    assert_eq!((&meta["provider"], &meta["model"], &meta["stopReason"]), (&json!("script"), &json!("small"), &json!("stop")));
    assert_eq!(history(&tenant), pairs(&[("user", "weather?"), ("assistant", "It rains.")]));
    let sessions = tenant.ok("sessions.list", json!({ "includeLastMessage": true, "includeDerivedTitles": true }));
    let row = &sessions["sessions"][0];
    assert_eq!((&row["key"], &row["lastMessagePreview"]), (&json!("agent:main:main"), &json!("It rains.")), "{row}");
    assert_eq!((&row["outputTokens"], &row["derivedTitle"]), (&json!(4), &json!("weather?")), "{row}");
    let usage = tenant.ok("sessions.usage", json!({}));
    assert_eq!(usage["totals"]["output"], 4, "{usage}");
}

#[test]
fn a_key_that_comes_with_another_message_is_a_conflict() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("agent", message("r1", "weather?"));
    assert_eq!(tenant.ok("agent", message("r1", "weather?"))["summary"], "It rains.");
    let error = tenant.err("agent", message("r1", "weather tomorrow?"));
    assert_eq!((error.code, error.name()), (-32009, "CONFLICT"), "{error}");
}

#[test]
fn an_agent_answers_in_a_session_of_its_own() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "Ada" }));
    let params = json!({ "message": "weather?", "idempotencyKey": "r1", "agentId": "ada" });
    assert_eq!(tenant.ok("agent", params)["result"]["meta"]["sessionKey"], "agent:ada:main");
    let nobody = json!({ "message": "weather?", "idempotencyKey": "r2", "agentId": "nobody" });
    assert_eq!(tenant.err("agent", nobody).name(), "NOT_FOUND");
}
