#![allow(clippy::disallowed_methods, reason = "what the family answered")]

use crate::handler::HANDLER;
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

fn tenant() -> Tenant {
    Tenant::new(HANDLER).with_terminal(|typed: &[u8]| Ok(typed.to_ascii_uppercase()))
}

#[test]
fn a_terminal_is_typed_into_by_either_of_its_names() {
    let tenant = tenant();
    let spawned: Value = tenant.call("terminal.spawn", json!({})).unwrap();
    assert_eq!((&spawned["cols"], &spawned["rows"], &spawned["id"]), (&json!(80), &json!(24), &spawned["terminalId"]));
    let id = &spawned["id"];
    assert_eq!(tenant.call("terminal.write", json!({"terminalId": id, "data": "ab"})), Ok(json!({"written": 2})));
    assert_eq!(tenant.call("terminal.write", json!({"sessionId": id, "data": "c"})), Ok(json!({"written": 1})));
    let attached: Value = tenant.call("terminal.attach", json!({"sessionId": id})).unwrap();
    assert_eq!(attached["buffer"], "ABC");
    for params in [json!({"data": "x"}), json!({"terminalId": id, "sessionId": id, "data": "x"})] {
        assert_eq!(tenant.call::<_, Value>("terminal.write", params).unwrap_err().code, "INVALID_REQUEST");
    }
}

#[test]
fn what_is_closed_is_closed_and_a_second_time_says_so() {
    let tenant = tenant();
    let id = tenant.call::<_, Value>("terminal.spawn", json!({"cols": 100})).unwrap()["id"].clone();
    assert_eq!(tenant.call("terminal.close", json!({"terminalId": id})), Ok(json!({"closed": true})));
    let again: Value = tenant.call("terminal.close", json!({"terminalId": id})).unwrap();
    assert!(again["closed"] == true && again["warning"].is_string(), "{again}");
    assert_eq!(tenant.call("terminal.list", json!({})), Ok(json!({"sessions": []})));
}

#[test]
fn a_loader_is_not_told_what_to_load() {
    let error = tenant().call::<_, Value>("terminal.spawn", json!({"env": {"LD_PRELOAD": "/work/x.so"}})).unwrap_err();
    assert!(error.code == "INVALID_REQUEST" && error.message.contains("LD_PRELOAD"), "{error:?}");
}
