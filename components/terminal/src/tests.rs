#![allow(clippy::disallowed_methods, reason = "what the family answered")]

use crate::handler::HANDLER;
use crate::plain::plain;
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
    assert_eq!(tenant.call("terminal.write", json!({"sessionId": id, "dataB64": "ZA=="})), Ok(json!({"written": 1})));
    assert_eq!(tenant.call("terminal.input", json!({"sessionId": id, "data": "e"})), Ok(json!({"ok": true})));
    let attached: Value = tenant.call("terminal.attach", json!({"sessionId": id})).unwrap();
    assert_eq!((&attached["buffer"], &attached["seq"]), (&json!("ABCDE"), &json!(4)));
    for params in [json!({}), json!({"data": "x", "dataB64": "eA=="}), json!({"dataB64": "!"})] {
        let mut params = params;
        params["terminalId"] = id.clone();
        assert_eq!(tenant.call::<_, Value>("terminal.write", params).unwrap_err().code, "INVALID_REQUEST");
    }
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

#[test]
fn a_terminal_is_opened_as_openclaws_clients_do_it() {
    let tenant = tenant().with_config(json!({"agents": {"list": [{"id": "helper"}]}}));
    let opened: Value = tenant.call("terminal.open", json!({"cols": 1, "rows": 2000, "agentId": "helper"})).unwrap();
    let expected = json!({
        "sessionId": opened["sessionId"], "agentId": "helper", "shell": "/bin/bash", "cwd": "/work", "confined": true,
    });
    assert_eq!(opened, expected);
    let listed: Value = tenant.call("terminal.list", json!({})).unwrap();
    let row = &listed["sessions"][0];
    assert_eq!((&row["agentId"], &row["attached"], &row["rows"]), (&json!("helper"), &json!(false), &json!(2000)));
    let unknown = tenant.call::<_, Value>("terminal.open", json!({"cols": 80, "rows": 24, "agentId": "nobody"}));
    assert_eq!(unknown.unwrap_err().code, "NOT_FOUND");
}

#[test]
fn text_is_what_a_person_would_read() {
    assert_eq!(plain("a\u{1b}[1;31mb\u{1b}[0m\r\n\u{1b}]0;title\u{7}$ lx\u{8}s\r\n"), "ab\n$ ls\n");
    assert_eq!(plain("10 %\r100 %\r\n\u{1b}(Bdone\u{1b}]8;;x\u{1b}\\!"), "100 %\ndone!");
}
