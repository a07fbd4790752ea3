//! `sessions.preview`: the last messages of some sessions.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.preview", |stage| json!({ "keys": [stage.key] }));
}

#[test]
fn tells_what_was_said_and_what_there_is_not() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for key in ["agent:main:direct:full", "agent:main:direct:empty"] {
        tenant.done("sessions.create", json!({ "key": key }));
    }
    for message in ["one", "two", "three"] {
        tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:full", "message": message }));
    }
    let keys = ["agent:main:direct:full", "agent:main:direct:empty", "agent:main:direct:none"];
    let answer = tenant.ok("sessions.preview", json!({ "keys": keys, "limit": 2 }));
    has_fields(&answer, "ts previews");
    is_unix_ms(&answer["ts"]);
    let previews = &answer["previews"];
    assert_eq!(pluck(previews, "key"), keys);
    assert_eq!(pluck(previews, "status"), ["ok", "empty", "missing"]);
    assert_eq!(
        previews[0]["items"],
        json!([{ "role": "assistant", "text": "two" }, { "role": "assistant", "text": "three" }])
    );
    assert_eq!(previews[2]["items"], json!([]));
}

#[test]
fn shortens_by_characters() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "ü".repeat(500) }));
    let length = |params: Value| {
        let answer = tenant.ok("sessions.preview", params);
        answer["previews"][0]["items"][0]["text"].as_str().expect("a text").chars().count()
    };
    assert_eq!(length(json!({ "keys": ["agent:main:direct:1"] })), 240);
    assert_eq!(length(json!({ "keys": ["agent:main:direct:1"], "maxChars": 20 })), 20);
}

#[test]
fn its_bounds_are_kept() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let many = |count: usize| vec!["main"; count];
    assert_eq!(
        tenant.ok("sessions.preview", json!({ "keys": many(64) }))["previews"].as_array().map(Vec::len),
        Some(64)
    );
    assert_eq!(tenant.err("sessions.preview", json!({ "keys": many(65) })).code, -32602);
    assert_eq!(tenant.err("sessions.preview", json!({ "keys": [], "maxChars": 19 })).code, -32602);
}
