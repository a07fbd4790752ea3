//! `terminal.open`: a terminal as OpenClaw's clients begin one.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.open", |_| json!({ "cols": 80, "rows": 24 }));
}

#[test]
fn what_it_shows_comes_as_openclaws_event_alone() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::open(&tenant, json!({ "cols": 100, "rows": 30 }));
    has_fields(&screen.spawned, "sessionId agentId shell cwd confined title?");
    assert_eq!((&screen.spawned["agentId"], &screen.spawned["confined"]), (&json!("main"), &json!(true)));
    screen.input("stty size; exit 4\n");
    let mut shown = String::new();
    let ended = loop {
        let event = screen.next();
        assert_eq!(event.payload["sessionId"], screen.spawned["sessionId"]);
        match event.event.as_str() {
            "terminal.data" => shown += event.payload["data"].as_str().expect("text"),
            "terminal.exit" => break event.payload,
            other => panic!("{other}"),
        }
    };
    assert!(shown.contains("30 100"), "{shown}");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(4), &json!("process_exit")), "{ended}");
}

#[test]
fn an_agent_is_one_that_is_there_and_a_catalog_is_not() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let helper = tenant.ok("agents.create", json!({ "name": "helper" }))["agentId"].clone();
    let opened = tenant.ok("terminal.open", json!({ "cols": 80, "rows": 24, "agentId": helper }));
    assert_eq!(opened["agentId"], helper);
    let unknown = tenant.err("terminal.open", json!({ "cols": 80, "rows": 24, "agentId": "nobody" }));
    assert_eq!(unknown.name(), "NOT_FOUND", "{unknown}");
    let catalog = json!({ "catalogId": "c", "hostId": "h", "threadId": "t" });
    let refused = tenant.err("terminal.open", json!({ "cols": 80, "rows": 24, "catalog": catalog }));
    assert_eq!(refused.code, -32602, "{refused}");
    for size in [json!({ "cols": 0, "rows": 24 }), json!({ "cols": 80, "rows": 2001 })] {
        assert_eq!(tenant.err("terminal.open", size.clone()).code, -32602, "{size}");
    }
}
