//! `GET /rpc` upgraded: the same frames, and events.

use openclaw_tests::Socket;

use crate::contract::*;

fn stage() -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    (daemon, tenant)
}

fn status(error: &tungstenite::Error) -> u16 {
    match error {
        tungstenite::Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

#[test]
fn the_same_frames_both_ways() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    assert_eq!(socket.call("health", json!({})).expect("health")["ok"], true);
    assert_eq!(socket.call("foobar", json!({})).expect_err("no such method").code, -32601);
    socket.send("[]");
    assert_eq!(socket.reply()["error"]["code"], -32600);
    socket.send("{");
    assert_eq!(socket.reply()["error"]["code"], -32700);
    socket.send(r#"[{"jsonrpc":"2.0","id":1,"method":"health"},{"jsonrpc":"2.0","method":"health"}]"#);
    assert_eq!(socket.reply().as_array().map(Vec::len), Some(1));
}

#[test]
fn a_notification_gets_no_reply() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    socket.send(r#"{"jsonrpc":"2.0","method":"voicewake.set","params":{"triggers":["x"]}}"#);
    socket.send(r#"{"jsonrpc":"2.0","id":"after","method":"health"}"#);
    assert_eq!(socket.reply()["id"], "after");
}

#[test]
fn the_token_is_asked_for_at_the_door() {
    let (daemon, tenant) = stage();
    for token in ["", "tk_acme_00000000000000000000000000000000"] {
        assert_eq!(status(&Socket::open(daemon.address(), token, &[]).expect_err("no token")), 401);
    }
    let origin = ("Origin".to_owned(), "https://evil.example".to_owned());
    assert_eq!(status(&Socket::open(daemon.address(), tenant.token(), &[origin]).expect_err("a foreign site")), 403);
}

#[test]
fn a_browser_carries_its_token_among_the_subprotocols() {
    let (daemon, tenant) = stage();
    let mut socket =
        Socket::open_as_browser(daemon.address(), tenant.token()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(socket.call("health", json!({})).expect("health")["ok"], true);
    assert_eq!(status(&Socket::open_as_browser(daemon.address(), "tk_acme_0").expect_err("a bad token")), 401);
}

#[test]
fn events_come_only_to_who_asked_for_them_and_in_order() {
    let (_daemon, tenant) = stage();
    let (mut silent, mut socket) = (tenant.socket(), tenant.socket());
    socket.subscribe(None);
    for word in ["a", "b", "c"] {
        tenant.done("voicewake.set", json!({ "triggers": [word] }));
    }
    let events: Vec<_> = (0..3).map(|_| socket.event_named("voicewake.changed")).collect();
    assert_eq!(events.iter().map(|event| event.payload["triggers"][0].clone()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq), "{events:?}");
    assert_eq!(silent.events_so_far(), []);
}

#[test]
fn who_was_away_resumes_where_it_was() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    socket.subscribe(None);
    tenant.done("voicewake.set", json!({ "triggers": ["one"] }));
    let last = socket.event_named("voicewake.changed").seq;
    drop(socket);
    tenant.done("voicewake.set", json!({ "triggers": ["two"] }));
    tenant.done("voicewake.set", json!({ "triggers": ["three"] }));
    let mut socket = tenant.socket();
    socket.subscribe(Some(last));
    tenant.done("voicewake.set", json!({ "triggers": ["four"] }));
    let words: Vec<Value> =
        (0..3).map(|_| socket.event_named("voicewake.changed").payload["triggers"][0].clone()).collect();
    assert_eq!(words, ["two", "three", "four"]);
}

#[test]
fn who_was_away_too_long_is_told_so() {
    let (daemon, tenant) = stage();
    let mut socket = tenant.socket();
    let subscribe = |socket: &mut Socket, since: u64| {
        socket.call("events.subscribe", json!({ "since": since })).expect("subscribed")
    };
    let first = subscribe(&mut socket, 0);
    assert_eq!((&first["subscribed"], &first["gap"]), (&json!(true), &json!(true)), "{first}");
    let last = first["seq"].as_u64().expect("a number");
    assert_eq!(subscribe(&mut socket, last)["gap"], json!(false));
    let token = tenant.token().to_owned();
    let daemon = daemon.restarted();
    let again = subscribe(&mut daemon.client(&token).socket(), last);
    assert_eq!(again["gap"], json!(true), "what happened meanwhile is not kept over a restart");
    assert!(again["seq"].as_u64() > Some(last), "{again}");
}

#[test]
fn a_subscription_takes_only_since() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    for params in [json!({ "since": "x" }), json!({ "since": -1 }), json!({ "other": 1 })] {
        assert_eq!(socket.call("events.subscribe", params).expect_err("refused").code, -32602);
    }
}

#[test]
fn a_subscription_without_a_connection_is_told_where_it_belongs() {
    let (_daemon, tenant) = stage();
    let error = tenant.err("events.subscribe", json!({}));
    assert_eq!(error.code, -32601);
    assert!(error.message.contains("a WebSocket of /rpc"), "{}", error.message);
}

#[test]
fn a_frame_over_the_limit_ends_the_connection_alone() {
    let (_daemon, tenant) = stage();
    let (mut big, mut other) = (tenant.socket(), tenant.socket());
    big.try_send(" ".repeat((8 << 20) + 1));
    assert!(matches!(big.closed(), None | Some(1009)));
    other.call("health", json!({})).expect("the other stays");
}

#[test]
fn many_calls_at_once_are_all_answered() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    for id in 0..200 {
        socket.send(openclaw_tests::rpc::frame(id, "health", &json!({})).to_string());
    }
    let mut ids: Vec<u64> = (0..200).map(|_| socket.reply()["id"].as_u64().expect("an id")).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_quota_holds_for_each_call_of_a_connection() {
    let (daemon, tenant) = stage();
    daemon
        .operator()
        .done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "requests_per_minute": 3 } }));
    let mut socket = tenant.socket();
    for _ in 0..3 {
        socket.call("health", json!({})).expect("within the quota");
    }
    let error = socket.call("health", json!({})).expect_err("over it");
    assert_eq!((error.code, error.data["quota"].clone()), (-32029, json!("requests_per_minute")));
}

#[test]
fn a_peer_that_is_silent_is_given_up_and_one_that_answers_pings_is_kept() {
    let daemon = Daemon::start_with("gateway:\n  limits: {ping_seconds: 1}\n");
    let tenant = daemon.tenant("acme");
    let mut heard = tenant.socket();
    heard.subscribe(None);
    let listener = std::thread::spawn(move || heard.event_named("voicewake.changed"));
    // Two and a half seconds; the other one waits as long.
    assert_eq!(tenant.socket().closed_unheard(), Some(1008));
    tenant.done("voicewake.set", json!({ "triggers": ["x"] }));
    assert_eq!(listener.join().expect("it was kept").event, "voicewake.changed");
}

#[test]
fn a_peer_that_closes_is_answered_as_it_should_be() {
    let (_daemon, tenant) = stage();
    let mut socket = tenant.socket();
    socket.call("health", json!({})).expect("health");
    assert_eq!(socket.close(), Some(1000));
}
