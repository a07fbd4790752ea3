//! Edge cases of frames: ids, params, batches, duplicate keys, depth, reserved names.

use crate::contract::*;

fn stage() -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    (daemon, tenant)
}

#[test]
fn ids_are_echoed_to_the_letter() {
    let (_daemon, tenant) = stage();
    for id in [
        "1",
        "0",
        "-1",
        "1.0",
        "1.50",
        "1e3",
        "1E+2",
        "12345678901234567890123",
        "\"a\\u0041\\/\"",
        "\"\"",
        "\"ü\"",
        "null",
    ] {
        for method in ["health", "foobar"] {
            let text = tenant.post(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#)).text();
            assert!(
                text.contains(&format!("\"id\":{id},")) || text.contains(&format!("\"id\":{id}}}")),
                "{id} in {text}"
            );
        }
    }
}

#[test]
fn an_id_is_a_string_a_number_or_null() {
    let (_daemon, tenant) = stage();
    for id in ["true", "{}", "[1]"] {
        let reply = tenant.post(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"health"}}"#)).json();
        assert_eq!((&reply["error"]["code"], &reply["id"]), (&json!(-32600), &Value::Null), "{id}");
    }
}

#[test]
fn a_null_id_is_a_request_and_no_notification() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post(r#"{"jsonrpc":"2.0","id":null,"method":"health"}"#).json();
    assert!(reply["result"].is_object() && reply["id"].is_null(), "{reply}");
}

#[test]
fn the_id_is_told_of_a_request_that_is_otherwise_wrong() {
    let (_daemon, tenant) = stage();
    for body in [
        r#"{"jsonrpc":"1.0","id":7,"method":"health"}"#,
        r#"{"jsonrpc":2.0,"id":7,"method":"health"}"#,
        r#"{"id":7,"method":"health"}"#,
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"health","params":"x"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"health","params":null}"#,
    ] {
        let reply = tenant.post(body).json();
        assert!([-32600, -32602].contains(&reply["error"]["code"].as_i64().unwrap_or_default()), "{body}: {reply}");
        assert_eq!(reply["id"], 7, "{body}");
    }
}

#[test]
fn extra_members_of_a_request_are_ignored() {
    let (_daemon, tenant) = stage();
    let reply = tenant.post(r#"{"jsonrpc":"2.0","id":1,"method":"health","params":{},"trace":"x"}"#).json();
    assert!(reply["result"].is_object(), "{reply}");
}

#[test]
fn params_may_be_left_out() {
    let (_daemon, tenant) = stage();
    assert!(tenant.post(r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).json()["result"].is_object());
}

#[test]
fn duplicate_keys_are_refused_everywhere() {
    let (_daemon, tenant) = stage();
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"health","method":"voicewake.get"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"health"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"sessions.list","params":{"limit":1,"limit":2}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"sessions.list","params":{"limit":1,"\u006cimit":2}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"health","trace":{"a":1,"a":2}}"#,
    ] {
        let reply = tenant.post(body).json();
        let code = reply["error"]["code"].as_i64().unwrap_or_default();
        assert!([-32700, -32600, -32602].contains(&code), "{body}: {reply}");
    }
}

#[test]
fn nesting_is_limited_to_64() {
    let (_daemon, tenant) = stage();
    let nested = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        // The request and its params are two levels themselves.
        tenant.post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"health","trace":{value}}}"#)).json()
    };
    assert!(nested(62)["result"].is_object());
    for depth in [64, 65, 1000, 100_000] {
        assert!(
            nested(depth)["error"]["code"].as_i64().is_some_and(|code| code == -32700 || code == -32600),
            "{depth}"
        );
    }
}

#[test]
fn a_batch_has_at_most_50() {
    let (_daemon, tenant) = stage();
    let batch = |count: u64| {
        json!((0..count).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "health" })).collect::<Vec<_>>())
    };
    assert_eq!(tenant.post_json(&batch(50)).as_array().map(Vec::len), Some(50));
    let reply = tenant.post_json(&batch(51));
    assert_eq!((&reply["error"]["code"], &reply["id"]), (&json!(-32600), &Value::Null));
}

#[test]
fn ids_of_a_batch_may_repeat() {
    let (_daemon, tenant) = stage();
    let replies = tenant.post_json(&json!([{ "jsonrpc": "2.0", "id": 1, "method": "health" }, { "jsonrpc": "2.0", "id": 1, "method": "voicewake.get" }]));
    assert!(
        replies.as_array().is_some_and(|replies| replies.len() == 2 && replies.iter().all(|reply| reply["id"] == 1)),
        "{replies}"
    );
}

#[test]
fn a_batch_in_a_batch_is_no_request() {
    let (_daemon, tenant) = stage();
    let replies = tenant.post(r#"[[{"jsonrpc":"2.0","id":1,"method":"health"}]]"#).json();
    assert_eq!(replies[0]["error"]["code"], -32600, "{replies}");
}

#[test]
fn names_that_begin_with_rpc_are_reserved() {
    let (_daemon, tenant) = stage();
    for method in ["rpc.", "rpc.secret", "rpc.discover.more"] {
        assert_eq!(tenant.err(method, json!({})).code, -32601, "{method}");
    }
    tenant.done("rpc.discover", json!({}));
}

#[test]
fn the_operators_methods_are_told_from_those_that_are_not_there() {
    let (daemon, tenant) = stage();
    for method in ["tenants.create", "tenants.list", "tenants.update", "tenants.quota.update"] {
        let error = tenant.err(method, json!({}));
        assert_eq!((error.code, error.message), (-32601, format!("method not available for tenant token: {method}")));
    }
    for (method, meant) in [
        ("cron.run", ""),
        ("Health", " (did you mean health?)"),
        ("health ", " (did you mean health?)"),
        ("sessions.lst", " (did you mean sessions.list?)"),
        ("", ""),
    ] {
        let error = daemon.operator().err(method, json!({}));
        assert_eq!((error.code, error.message), (-32601, format!("method not found: {method}{meant}")));
    }
}

#[test]
fn a_methods_name_is_harmless_in_what_is_told_of_it() {
    let (_daemon, tenant) = stage();
    let error = tenant.err("\u{1b}[31mred\u{7}\n", json!({}));
    assert!(!error.message.contains(['\u{1b}', '\u{7}', '\n']), "{error}");
    assert!(tenant.err(&"x".repeat(100_000), json!({})).message.len() < 1000);
}

#[test]
fn every_error_has_its_request_id_and_nothing_of_the_inside() {
    let (daemon, tenant) = stage();
    for (method, params) in [
        ("foobar", json!({})),
        ("sessions.list", json!({ "limit": 0 })),
        ("sessions.compact", json!({ "key": "none" })),
        ("tenants.get", json!({ "tenantId": "b" })),
    ] {
        let response = tenant.respond(method, &params);
        assert_eq!(response.status, 200, "{method}");
        let told = response.json()["error"]["data"]["requestId"].clone();
        assert_eq!(told, json!(response.header("x-request-id").expect("X-Request-Id")));
        let text = response.text();
        for inside in [&*daemon.home().path().to_string_lossy(), "SELECT", "sqlite", ".rs:", "backtrace", "panicked"] {
            assert!(!text.contains(inside), "{inside} in {text}");
        }
    }
}
