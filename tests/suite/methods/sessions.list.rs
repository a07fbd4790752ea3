//! `sessions.list`: sessions, the most recently used first.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.list", |_| json!({ "includeLastMessage": true, "includeDerivedTitles": true }));
}

const ROW: &str = "key kind label? displayName? derivedTitle? lastMessagePreview? channel? subject? groupChannel? space? chatType? origin? \
    updatedAt sessionId? systemSent? abortedLastRun? thinkingLevel? verboseLevel? reasoningLevel? elevatedLevel? sendPolicy? \
    inputTokens? outputTokens? totalTokens? totalTokensFresh? responseUsage? modelProvider? model? contextTokens? deliveryContext? \
    lastChannel? lastTo? lastAccountId?";

fn keys(tenant: &Tenant, params: Value) -> Vec<String> {
    pluck(&tenant.ok("sessions.list", params)["sessions"], "key")
}

fn with_sessions(daemon: &Daemon, keys: &[&str]) -> Tenant {
    let tenant = daemon.tenant("acme");
    for key in keys {
        tenant.done("sessions.create", json!({ "key": key }));
    }
    tenant
}

#[test]
fn answers_rows_and_the_defaults() {
    let daemon = Daemon::start();
    let tenant = with_sessions(&daemon, &["agent:main:direct:1"]);
    let list = tenant.ok("sessions.list", json!({}));
    has_fields(&list, "ts path count defaults sessions");
    is_unix_ms(&list["ts"]);
    assert_eq!(list["path"], "sessions");
    assert_eq!(list["count"], 1);
    has_fields(&list["defaults"], "modelProvider model contextTokens");
    has_fields(&list["sessions"][0], ROW);
    assert_eq!(list["sessions"][0]["kind"], "direct");
    is_unix_ms(&list["sessions"][0]["updatedAt"]);
}

#[test]
fn the_most_recently_used_comes_first_then_by_key() {
    let daemon = Daemon::start();
    let tenant = with_sessions(&daemon, &["agent:main:direct:c", "agent:main:direct:a", "agent:main:direct:b"]);
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:c", "message": "hello" }));
    let list = tenant.ok("sessions.list", json!({}))["sessions"].clone();
    let rank = |row: &Value| (u64::MAX - row["updatedAt"].as_u64().unwrap_or_default(), row["key"].to_string());
    let rows = list.as_array().expect("sessions").clone();
    let mut sorted = rows.clone();
    sorted.sort_by_key(rank);
    assert_eq!(rows, sorted);
    assert_eq!(rows.len(), 3);
}

#[test]
fn limit_and_offset_cut_pages_that_fit_together() {
    let daemon = Daemon::start();
    let names: Vec<String> = (0..7).map(|n| format!("agent:main:direct:{n}")).collect();
    let tenant = with_sessions(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let whole = keys(&tenant, json!({}));
    let pages: Vec<String> =
        [0, 3, 6, 9].into_iter().flat_map(|offset| keys(&tenant, json!({ "limit": 3, "offset": offset }))).collect();
    assert_eq!(pages, whole);
    assert_eq!(whole.len(), 7);
}

#[test]
fn limit_is_100_by_default_and_1000_at_most() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for batch in (0..105).collect::<Vec<u32>>().chunks(35) {
        let calls: Vec<Value> = batch
            .iter()
            .map(|n| {
                openclaw_tests::rpc::frame(
                    (*n).into(),
                    "sessions.create",
                    &json!({ "key": format!("agent:main:direct:{n}") }),
                )
            })
            .collect();
        assert!(tenant.post_json(&json!(calls)).as_array().is_some_and(|replies| replies.len() == calls.len()));
    }
    assert_eq!(keys(&tenant, json!({})).len(), 100);
    assert_eq!(keys(&tenant, json!({ "limit": 1000 })).len(), 105);
    for limit in [json!(0), json!(1001), json!(-1), json!(1.5), json!("3")] {
        let error = tenant.err("sessions.list", json!({ "limit": limit }));
        assert_eq!(error.code, -32602, "{limit}: {error}");
        assert!(error.message.contains("limit"), "{error}");
    }
}

#[test]
fn global_and_unknown_are_shown_on_request() {
    let daemon = Daemon::start();
    let tenant = with_sessions(&daemon, &["global", "unknown", "agent:main:direct:1"]);
    assert_eq!(keys(&tenant, json!({})), ["agent:main:direct:1"]);
    assert!(keys(&tenant, json!({ "includeGlobal": true })).contains(&"global".to_owned()));
    assert!(keys(&tenant, json!({ "includeUnknown": true })).contains(&"unknown".to_owned()));
    let all = keys(&tenant, json!({ "includeGlobal": true, "includeUnknown": true, "limit": 3 }));
    assert_eq!(all.len(), 3);
}

#[test]
fn filters_by_label_agent_parent_and_words() {
    let daemon = Daemon::start();
    let tenant = with_sessions(&daemon, &["agent:main:direct:1", "agent:helper:direct:2", "agent:main:group:3"]);
    tenant.done("sessions.patch", json!({ "key": "agent:main:direct:1", "label": "Budget 2027" }));
    tenant.done("sessions.patch", json!({ "key": "agent:main:group:3", "spawnedBy": "agent:main:direct:1" }));
    assert_eq!(keys(&tenant, json!({ "label": "Budget 2027" })), ["agent:main:direct:1"]);
    assert_eq!(keys(&tenant, json!({ "label": "Budget" })), [""; 0]);
    assert_eq!(keys(&tenant, json!({ "agentId": "helper" })), ["agent:helper:direct:2"]);
    assert_eq!(keys(&tenant, json!({ "spawnedBy": "agent:main:direct:1" })), ["agent:main:group:3"]);
    assert_eq!(keys(&tenant, json!({ "search": "bUdGeT" })), ["agent:main:direct:1"]);
    assert_eq!(keys(&tenant, json!({ "search": "nothing like it" })), [""; 0]);
    assert_eq!(keys(&tenant, json!({ "activeMinutes": 5 })).len(), 3);
}

#[test]
fn titles_and_last_messages_come_on_request() {
    let daemon = Daemon::start();
    let tenant = with_sessions(&daemon, &["agent:main:direct:1"]);
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "the last words" }));
    let plain = tenant.ok("sessions.list", json!({}))["sessions"][0].clone();
    assert_eq!((plain.get("lastMessagePreview"), plain.get("derivedTitle")), (None, None));
    let row =
        tenant.ok("sessions.list", json!({ "includeLastMessage": true, "includeDerivedTitles": true }))["sessions"][0]
            .clone();
    assert_eq!(row["lastMessagePreview"], "the last words");
    assert!(row["derivedTitle"].is_string(), "{row}");
}
