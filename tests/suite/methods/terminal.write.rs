//! `terminal.write`: types into a terminal.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.write", |stage| {
        let spawned = stage.a.ok("terminal.spawn", json!({}));
        json!({ "terminalId": spawned["terminalId"], "data": "x" })
    });
}

#[test]
fn answers_how_much_it_typed() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["cat"] }));
    let written = tenant.ok("terminal.write", json!({ "sessionId": screen.id(), "data": "é\n" }));
    assert_eq!(written, json!({ "written": 3 }));
    // What is typed is shown by the terminal first, and then by its program, which is there now.
    screen.until("é\r\né");
    screen.write("\u{3}");
    assert_eq!(screen.ended()["signal"], 2);
    let error = tenant.err("terminal.write", json!({ "terminalId": screen.id(), "data": "x" }));
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
}

#[test]
fn a_terminal_is_its_tenants_alone() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let screen = Screen::spawn(&tenant, json!({}));
    for (method, more) in [
        ("terminal.write", json!({ "data": "x" })),
        ("terminal.resize", json!({ "cols": 80, "rows": 24 })),
        ("terminal.attach", json!({})),
    ] {
        let mut params = more;
        params["terminalId"] = json!(screen.id());
        assert_eq!(other.err(method, params).name(), "NOT_FOUND", "{method}");
    }
    assert!(other.ok("terminal.close", json!({ "terminalId": screen.id() }))["warning"].is_string());
    assert_eq!(tenant.ok("terminal.list", json!({}))["sessions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn takes_one_name_of_the_two() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in [json!({ "data": "x" }), json!({ "terminalId": "a", "sessionId": "a", "data": "x" })] {
        assert_eq!(tenant.err("terminal.write", params).code, -32602);
    }
}

#[test]
fn bytes_that_are_no_text_come_in_base64() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let script = "stty -echo raw; echo ready; head -c 3 | od -An -tx1";
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    screen.until("ready");
    let written = tenant.ok("terminal.write", json!({ "terminalId": screen.id(), "dataB64": "/wD+" }));
    assert_eq!(written, json!({ "written": 3 }));
    screen.until("ff 00 fe");
    for params in [json!({}), json!({ "data": "x", "dataB64": "eA==" }), json!({ "dataB64": "?" })] {
        let mut params = params;
        params["terminalId"] = json!(screen.id());
        assert_eq!(tenant.err("terminal.write", params.clone()).code, -32602, "{params}");
    }
}
