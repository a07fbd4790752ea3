//! `GET /terminal` upgraded.

use openclaw_tests::{Socket, Terminal, wait_until};
use tungstenite::{ClientRequestBuilder, http::Uri};

use crate::contract::*;

fn stage() -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    (daemon, tenant)
}

fn status(result: Result<Terminal, Box<tungstenite::Error>>) -> u16 {
    match *result.expect_err("refused") {
        tungstenite::Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

fn listed(tenant: &Client) -> Vec<Value> {
    tenant.ok("terminal.list", json!({}))["sessions"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_shell_is_typed_into_byte_by_byte_and_its_end_is_told() {
    let (_daemon, tenant) = stage();
    let (mut terminal, attached) = Terminal::spawn(&tenant, json!({ "cols": 100, "rows": 30 }));
    has_fields(&attached, "type terminalId sessionId pid cols rows replayBytes");
    assert_eq!((&attached["cols"], &attached["rows"], &attached["replayBytes"]), (&json!(100), &json!(30), &json!(0)));
    terminal.write("stty size; printf '\\377\\000\\376'; echo re$((1+1))dy\n");
    assert!(terminal.until("re2dy").contains("30 100"));
    assert_eq!(listed(&tenant)[0]["attached"], true);
    terminal.write("exit 3\n");
    let exit = terminal.control("exit");
    has_fields(&exit, "type terminalId sessionId exitCode signal reason");
    assert_eq!((&exit["exitCode"], &exit["reason"]), (&json!(3), &json!("process_exit")), "{exit}");
    assert_eq!(terminal.closed(), Some(1000));
    assert_eq!(listed(&tenant), Vec::<Value>::new());
}

#[test]
fn bytes_that_are_no_text_come_through_as_they_are() {
    let (_daemon, tenant) = stage();
    let script = "stty raw -echo; printf ready; head -c 256";
    let (mut terminal, _) = Terminal::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    terminal.until("ready");
    let all: Vec<u8> = (0..=255).collect();
    terminal.write(&all);
    assert_eq!(terminal.bytes(256), all);
}

#[test]
fn a_new_size_is_the_programs() {
    let (_daemon, tenant) = stage();
    let (mut terminal, _) = Terminal::spawn(&tenant, json!({}));
    terminal.say(&json!({ "type": "resize", "cols": 132, "rows": 43 }));
    terminal.write("until [ \"$(stty size)\" = '43 132' ]; do :; done; echo seen-$((1+1))\n");
    terminal.until("seen-2");
    let row = &listed(&tenant)[0];
    assert_eq!((&row["cols"], &row["rows"]), (&json!(132), &json!(43)));
}

#[test]
fn who_comes_back_sees_what_was_shown_and_goes_on() {
    let (_daemon, tenant) = stage();
    let (mut terminal, attached) = Terminal::spawn(&tenant, json!({}));
    terminal.write("echo be$((1+1))ore\n");
    terminal.until("be2ore");
    let id = attached["terminalId"].as_str().expect("an id").to_owned();
    drop(terminal);
    wait_until("nobody watches it", || listed(&tenant)[0]["attached"] == false);
    let (mut again, attached) = Terminal::attach(&tenant, &id);
    assert!(attached["replayBytes"].as_u64() > Some(0), "{attached}");
    again.until("be2ore");
    again.write("echo af$((1+1))er\n");
    again.until("af2er");
    // Two may watch it at once.
    let (mut second, _) = Terminal::attach(&tenant, &id);
    second.write("echo bo$((1+1))h\n");
    again.until("bo2h");
    second.until("bo2h");
    second.say(&json!({ "type": "close" }));
    assert_eq!(again.control("exit")["reason"], "closed");
    assert_eq!((again.closed(), second.closed()), (Some(1000), Some(1000)));
}

/// Far more than is kept: without the program's waiting, most of it would be gone before it is read.
#[test]
fn a_program_waits_for_who_reads_slowly_and_nothing_is_lost() {
    const BYTES: usize = 8 << 20;
    let (_daemon, tenant) = stage();
    let script = format!("stty raw; head -c {BYTES} /dev/zero | tr '\\0' x; printf the-end");
    let (mut terminal, _) = Terminal::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    let shown = terminal.until("the-end");
    assert_eq!(shown.bytes().filter(|byte| *byte == b'x').count(), BYTES);
    assert_eq!(terminal.control("exit")["exitCode"], 0);
}

#[test]
fn who_reads_nothing_is_sent_a_little_and_holds_up_nobody_for_long() {
    let (daemon, tenant) = stage();
    let script = "stty raw; head -c 2000000 /dev/zero | tr '\\0' x; touch written; cat";
    let mut greedy = Terminal::of(&tenant);
    greedy.acknowledge_nothing();
    greedy.say(&json!({ "type": "spawn", "params": { "cmd": ["sh", "-c", script] } }));
    let id = greedy.control("attached")["terminalId"].as_str().expect("an id").to_owned();
    assert_eq!(greedy.bytes(256 << 10).len(), 256 << 10);
    let written = daemon.home().tenant("acme").join("sandbox/work/written");
    wait_until("the program goes on", || written.exists());
    // Whoever says at last what it has read is told what it missed.
    greedy.say(&json!({ "type": "ack", "bytes": 256 << 10 }));
    assert!(greedy.control("skipped")["bytes"].as_u64() > Some(500_000));
    let (mut other, attached) = Terminal::attach(&tenant, &id);
    assert_eq!(attached["replayBytes"], 256 << 10);
    other.bytes(256 << 10);
}

#[test]
fn the_door_is_that_of_every_websocket() {
    let (daemon, tenant) = stage();
    let address = daemon.address();
    for (token, as_browser) in [("", false), ("tk_acme_00000000000000000000000000000000", true), ("x", false)] {
        assert_eq!(status(Terminal::connect(address, token, as_browser, "")), 401, "{token}");
    }
    let foreign = |name: &str, value: &str| {
        let uri: Uri = format!("ws://{address}/terminal").parse().expect("a URI");
        let bearer = format!("Bearer {}", tenant.token());
        let request = ClientRequestBuilder::new(uri).with_header("Authorization", bearer).with_header(name, value);
        status(Terminal::handshake(address, request))
    };
    assert_eq!(foreign("Origin", "https://evil.example"), 403);
    let rebound = Request::get("/terminal").header("Host", "evil.example").token(tenant.token());
    assert_eq!(daemon.send(&rebound).status, 403);
    // A token in a URL would be in the log of every proxy.
    let query = format!("?token={}", tenant.token());
    assert_eq!(status(Terminal::connect(address, tenant.token(), false, &query)), 400);
    assert_eq!(daemon.send(&Request::get("/terminal").token(tenant.token())).status, 426);
    assert_eq!(status(Terminal::connect(address, tenant.token(), false, "?id=a&id=b")), 400);
}

#[test]
fn why_there_is_no_terminal_is_told_in_a_frame() {
    let daemon = Daemon::start_with("sandbox: {terminals_per_tenant: 1}\n");
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let refused = |client: &Client, query: &str, params: Option<Value>| {
        let opened = Terminal::connect(client.address(), client.token(), true, query);
        let mut terminal = opened.unwrap_or_else(|error| panic!("{error}"));
        if let Some(params) = params {
            terminal.say(&json!({ "type": "spawn", "params": params }));
        }
        let error = terminal.control("error");
        has_fields(&error, "type code message status");
        assert_eq!(terminal.closed(), Some(1008));
        error["code"].as_str().expect("a code").to_owned()
    };
    let (_terminal, attached) = Terminal::spawn(&tenant, json!({}));
    let id = attached["terminalId"].as_str().expect("an id");
    assert_eq!(refused(&tenant, "", Some(json!({}))), "UNAVAILABLE");
    assert_eq!(refused(&tenant, "", Some(json!({ "cols": 1 }))), "INVALID_REQUEST");
    assert_eq!(refused(&tenant, "?id=pty-none", None), "NOT_FOUND");
    assert_eq!(refused(&other, &format!("?id={id}"), None), "NOT_FOUND", "another tenant's does not exist");
    assert_eq!(refused(&daemon.operator(), &format!("?id={id}"), None), "INVALID_REQUEST", "it names no tenant");
}

#[test]
fn a_token_without_the_scope_has_none() {
    let (daemon, tenant) = stage();
    let (_terminal, attached) = Terminal::spawn(&tenant, json!({}));
    for query in ["".to_owned(), format!("?id={}", attached["terminalId"].as_str().expect("an id"))] {
        let uri: Uri = format!("ws://{}/terminal{query}", daemon.address()).parse().expect("a URI");
        let request = ClientRequestBuilder::new(uri)
            .with_header("Authorization", format!("Bearer {}", tenant.token()))
            .with_header("X-OpenClaw-Scopes", "read");
        let mut terminal = Terminal::handshake(daemon.address(), request).expect("a connection");
        if query.is_empty() {
            terminal.say(&json!({ "type": "spawn" }));
        }
        assert_eq!(terminal.control("error")["code"], "FORBIDDEN");
    }
}

#[test]
fn what_makes_no_sense_ends_the_connection_and_not_the_terminal() {
    let (_daemon, tenant) = stage();
    let (_watched, attached) = Terminal::spawn(&tenant, json!({}));
    let id = attached["terminalId"].as_str().expect("an id");
    for control in [
        json!({ "type": "dance" }),
        json!([]),
        json!({ "type": "resize", "cols": 0, "rows": 24 }),
        json!({ "type": "resize", "cols": 80, "rows": 24, "more": 1 }),
        json!({ "type": "ack", "bytes": -1 }),
        json!({ "type": "spawn" }),
    ] {
        let (mut terminal, _) = Terminal::attach(&tenant, id);
        terminal.say(&control);
        assert_eq!(terminal.closed(), Some(1008), "{control}");
    }
    let mut early = Terminal::of(&tenant);
    early.write("ls\n");
    assert_eq!(early.closed(), Some(1008), "there is nothing to type into yet");
    let (mut large, _) = Terminal::attach(&tenant, id);
    // It is refused by its head, and may be cut off before it is sent.
    if large.try_write(vec![b'x'; (64 << 10) + 1]) {
        assert!(matches!(large.closed(), None | Some(1009)));
    }
    assert_eq!(listed(&tenant).len(), 1);
}

#[test]
fn it_closes_with_the_token_and_with_the_gateway() {
    let (mut daemon, tenant) = stage();
    let (mut terminal, _) = Terminal::spawn(&tenant, json!({}));
    let token = tenant.ok("tenants.rotate", json!({}))["token"].as_str().expect("a token").to_owned();
    assert_eq!(terminal.closed(), Some(1008));
    let tenant = daemon.client(&token);
    wait_until("the old terminal is gone", || listed(&tenant).is_empty());
    let (mut terminal, _) = Terminal::spawn(&tenant, json!({}));
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(terminal.closed(), Some(1012));
    assert!(daemon.wait().success());
}

#[test]
fn a_flood_that_nobody_watches_goes_on_by_itself() {
    let (daemon, tenant) = stage();
    let mut events = Socket::open(daemon.address(), tenant.token(), &[]).expect("a socket");
    events.subscribe(None);
    let script = "head -c 4000000 /dev/zero | tr '\\0' x; touch written";
    let (terminal, _) = Terminal::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    drop(terminal);
    let written = daemon.home().tenant("acme").join("sandbox/work/written");
    wait_until("the program goes on", || written.exists());
}
