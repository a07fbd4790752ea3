//! The examples at the end of the JSON-RPC 2.0 specification, in its order, with
//! methods that this gateway has.

use crate::contract::*;

fn stage() -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    (daemon, tenant)
}

fn code(reply: &Value) -> i64 {
    assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
    assert!(reply.get("result").is_none(), "{reply}");
    assert!(reply["error"]["message"].is_string(), "{reply}");
    reply["error"]["code"].as_i64().expect("a whole number")
}

#[test]
fn call_with_positional_parameters() {
    let (_daemon, tenant) = stage();
    let empty = tenant.post_json(&json!({ "jsonrpc": "2.0", "method": "voicewake.get", "params": [], "id": 1 }));
    assert!(empty["result"].is_object(), "{empty}");
    // Our methods take their parameters by name.
    let some = tenant.post_json(&json!({ "jsonrpc": "2.0", "method": "sessions.list", "params": [5], "id": 2 }));
    assert_eq!((code(&some), &some["id"]), (-32602, &json!(2)));
}

#[test]
fn call_with_named_parameters() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post_json(
        &json!({ "jsonrpc": "2.0", "method": "sessions.list", "params": { "offset": 0, "limit": 3 }, "id": 3 }),
    );
    assert_eq!(reply["id"], 3);
    assert_eq!(reply["result"]["count"], 0);
    assert_eq!(reply.as_object().map(serde_json::Map::len), Some(3), "{reply}");
}

#[test]
fn a_notification() {
    let (_daemon, tenant) = stage();
    for body in [
        json!({ "jsonrpc": "2.0", "method": "voicewake.set", "params": { "triggers": ["jarvis"] } }),
        json!({ "jsonrpc": "2.0", "method": "foobar" }),
        json!({ "jsonrpc": "2.0", "method": "sessions.list", "params": { "limit": "no" } }),
    ] {
        let response = tenant.post(body.to_string());
        assert_eq!((response.status, response.body.len()), (204, 0), "{body}");
    }
    assert_eq!(tenant.ok("voicewake.get", json!({}))["triggers"], json!(["jarvis"]), "a notification is carried out");
}

#[test]
fn call_of_a_method_that_is_not_there() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post_json(&json!({ "jsonrpc": "2.0", "method": "foobar", "id": "1" }));
    assert_eq!((code(&reply), &reply["id"]), (-32601, &json!("1")));
    assert_eq!(reply["error"]["message"], "method not found: foobar");
    assert_eq!(reply["error"]["data"]["code"], "INVALID_REQUEST");
}

#[test]
fn call_with_invalid_json() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post(r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#).json();
    assert_eq!((code(&reply), &reply["id"]), (-32700, &Value::Null));
}

#[test]
fn call_with_an_invalid_request_object() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post_json(&json!({ "jsonrpc": "2.0", "method": 1, "params": "bar" }));
    assert_eq!((code(&reply), &reply["id"]), (-32600, &Value::Null));
}

#[test]
fn a_batch_of_invalid_json() {
    let (_daemon, tenant) = stage();
    let body = r#"[{"jsonrpc": "2.0", "method": "health", "params": {}, "id": "1"}, {"jsonrpc": "2.0", "method""#;
    let reply = tenant.post(body).json();
    assert_eq!((code(&reply), &reply["id"]), (-32700, &Value::Null));
}

#[test]
fn an_empty_batch() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post("[]").json();
    assert_eq!((code(&reply), &reply["id"]), (-32600, &Value::Null));
}

#[test]
fn an_invalid_batch_that_is_not_empty() {
    let (_daemon, tenant) = stage();
    assert_eq!(
        tenant.post("[1]").json().as_array().map(|replies| replies.iter().map(code).collect()),
        Some(vec![-32600])
    );
}

#[test]
fn an_invalid_batch_of_three() {
    let (_daemon, tenant) = stage();
    let replies = tenant.post("[1,2,3]").json();
    let replies = replies.as_array().expect("an array");
    assert!(replies.iter().all(|reply| code(reply) == -32600 && reply["id"] == Value::Null), "{replies:?}");
    assert_eq!(replies.len(), 3);
}

#[test]
fn a_mixed_batch() {
    let (_daemon, tenant) = stage();
    let replies = tenant.post_json(&json!([
        { "jsonrpc": "2.0", "method": "health", "id": "1" },
        { "jsonrpc": "2.0", "method": "voicewake.set", "params": { "triggers": ["x"] } },
        { "jsonrpc": "2.0", "method": "voicewake.get", "id": "2" },
        { "foo": "boo" },
        { "jsonrpc": "2.0", "method": "foo.get", "params": { "name": "myself" }, "id": "5" },
        { "jsonrpc": "2.0", "method": "agents.list", "id": "9" }
    ]));
    let replies = replies.as_array().expect("an array");
    assert_eq!(replies.len(), 5, "one has no id: {replies:?}");
    let of = |id: Value| replies.iter().find(|reply| reply["id"] == id).unwrap_or_else(|| panic!("no reply to {id}"));
    for id in ["1", "2", "9"] {
        assert!(of(json!(id))["result"].is_object());
    }
    assert_eq!(code(of(json!("5"))), -32601);
    assert_eq!(code(of(Value::Null)), -32600);
}

#[test]
fn a_batch_of_notifications() {
    let (_daemon, tenant) = stage();
    let response = tenant
        .post(json!([{ "jsonrpc": "2.0", "method": "health" }, { "jsonrpc": "2.0", "method": "foobar" }]).to_string());
    assert_eq!((response.status, response.body.len()), (204, 0));
}
