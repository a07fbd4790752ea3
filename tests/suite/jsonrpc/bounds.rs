//! What one tenant may have under way; another tenant never notices.

use openclaw_tests::{Connection, Response};

use crate::contract::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#;

/// A request whose body of 8 MiB is still to come; the gateway has said that it waits for it.
fn begin_8_mib(daemon: &Daemon, tenant: &Tenant) -> Connection {
    let mut connection = Connection::open(daemon.address()).expect("a connection");
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        daemon.address(),
        tenant.token(),
        8 << 20
    );
    connection.write(head.as_bytes()).expect("the head is sent");
    assert_eq!(connection.read(false).expect("100 Continue").status, 100);
    connection
}

fn is_told_to_come_back(response: &Response, what: &str) {
    assert_eq!(response.status, 503, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32010), &json!("UNAVAILABLE")), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(what)), "{error}");
    assert!(response.header("retry-after").is_some(), "{:?}", response.headers);
}

#[test]
fn a_tenant_has_64_mib_of_bodies_under_way() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut begun: Vec<Connection> = (0..8).map(|_| begin_8_mib(&daemon, &a)).collect();
    is_told_to_come_back(&a.post(CALL), "bytes of requests");
    b.done("health", json!({}));
    daemon.operator_for("a").done("health", json!({}));
    // One is sent to its end and answered: its part is free again.
    let last = begun.last_mut().expect("one of eight");
    last.write(format!("{CALL}{}", " ".repeat((8 << 20) - CALL.len())).as_bytes()).expect("the body is sent");
    assert_eq!(last.read(false).expect("an answer").status, 200);
    a.done("health", json!({}));
}

#[test]
fn a_tenant_has_256_websockets_open() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let _open: Vec<_> = (0..256).map(|_| a.socket()).collect();
    let upgrade = Request::get("/rpc")
        .token(a.token())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut connection = Connection::open(daemon.address()).expect("a connection");
    is_told_to_come_back(&connection.send(&upgrade).expect("an answer"), "WebSockets");
    a.done("health", json!({}));
    b.socket().call("health", json!({})).expect("another tenant has its own");
}

#[test]
fn messages_that_are_not_yet_whole_count_as_bytes_under_way() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut begun: Vec<_> = (0..8).map(|_| a.socket()).collect();
    for socket in &mut begun {
        socket.begin(" ".repeat(8_000_000)).expect("there is room for it");
    }
    // 64,000,000 of 67,108,864 bytes: the next one's beginning is too much, whichever way it comes.
    assert!(matches!(a.socket().begin(" ".repeat(4_000_000)), Err(None | Some(1008))));
    is_told_to_come_back(&a.post(format!("{CALL}{}", " ".repeat(4_000_000))), "bytes of requests");
    let mut other = b.socket();
    other.begin(" ".repeat(8_000_000)).expect("another tenant has its own");
    drop(begun);
    // What went with its connections is free again, sooner or later.
    while a.post(format!("{CALL}{}", " ".repeat(4_000_000))).status == 503 {}
}

#[test]
fn a_message_that_does_not_come_to_its_end_is_not_waited_for() {
    let daemon = Daemon::start_with("gateway:\n  limits: {request_seconds: 1}\n");
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.begin("{").expect("a beginning");
    assert_eq!(socket.closed(), Some(1008));
    // A connection on which nothing is begun may be silent for longer.
    tenant.socket().call("health", json!({})).expect("health");
}

#[test]
fn a_plain_get_of_rpc_is_told_what_to_upgrade_to() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let response = Request::get("/rpc").token(tenant.token()).send(daemon.address()).expect("an answer");
    assert_eq!((response.status, response.header("upgrade")), (426, Some("websocket")), "{}", response.text());
    assert!(response.text().contains("WebSocket"), "{}", response.text());
}

#[test]
fn the_replies_of_a_batch_end_at_32_mib_and_the_rest_is_told_by_its_ids() {
    let daemon = Daemon::start_with(&crate::reliability::config_with(&["hostile"], crate::reliability::HOSTILE_GRANTS));
    let tenant = daemon.tenant("acme");
    let call = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "hostile.huge_result", "params": { "bytes": 7 << 20 } });
    let response = tenant.post(json!((0..6).map(call).collect::<Vec<_>>()).to_string());
    assert_eq!(response.status, 200);
    assert!(response.body.len() < 32 << 20, "{} bytes", response.body.len());
    let replies = response.json();
    let replies = replies.as_array().expect("an array");
    assert_eq!(
        replies.iter().map(|reply| reply["id"].as_u64()).collect::<Vec<_>>(),
        (0..6).map(Some).collect::<Vec<_>>()
    );
    // Four times 7 MiB fit.
    for (number, reply) in replies.iter().enumerate() {
        let outcome = (reply["result"].is_object(), &reply["error"]["data"]["code"]);
        let expected = if number < 4 { (true, &Value::Null) } else { (false, &json!("INVALID_REQUEST")) };
        assert_eq!(outcome, expected, "{number}");
    }
}

/// They wait for the slowest of their batch, and a tenant can have many batches.
#[test]
fn the_replies_of_a_batch_count_as_they_are_made() {
    let daemon = Daemon::start_with(&crate::reliability::config_with(&["hostile"], crate::reliability::HOSTILE_GRANTS));
    let tenant = daemon.tenant("acme");
    let call = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "hostile.huge_result", "params": { "bytes": 7 << 20 } });
    let batch = json!((0..4).map(call).collect::<Vec<_>>()).to_string();
    let unread: Vec<Connection> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(daemon.address()).expect("a connection");
            connection.write_request(&Request::rpc(batch.clone()).token(tenant.token())).expect("it is sent");
            connection.await_status().expect("it is answered");
            connection
        })
        .collect();
    // Of 64 MiB, 56 are taken by replies that nobody reads: one more of 7 fits.
    let replies = tenant.post(batch.clone()).json();
    let codes: Vec<&Value> = (0..4).map(|id| &replies[id]["error"]["data"]["code"]).collect();
    assert_eq!(codes.iter().filter(|code| ***code == "UNAVAILABLE").count(), 3, "{codes:?}");
    drop(unread);
    while tenant.post(batch.clone()).json()[3].get("result").is_none() {}
}

/// Its calls went on only when it read; one of them could keep a place that everyone's long calls share.
#[test]
fn the_calls_of_a_socket_that_does_not_read_go_on() {
    let daemon = Daemon::start_with(&crate::reliability::config_with(&["hostile"], crate::reliability::HOSTILE_GRANTS));
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    for id in 0..4 {
        let params = json!({ "bytes": 7 << 20 });
        socket.send(openclaw_tests::rpc::frame(id, "hostile.huge_result", &params).to_string());
    }
    socket.send(openclaw_tests::rpc::frame(9, "voicewake.set", &json!({ "triggers": ["done"] })).to_string());
    // Nothing is read here, and the last call has its effect.
    while tenant.ok("voicewake.get", json!({}))["triggers"] != json!(["done"]) {}
    let replies = (0..5).map(|_| socket.reply()).filter(|reply| reply.get("result").is_some()).count();
    assert_eq!(replies, 5);
}
