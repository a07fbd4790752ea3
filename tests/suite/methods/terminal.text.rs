//! `terminal.text`: what a terminal has shown, as a person would read it.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.text", |stage| {
        let opened = stage.a.ok("terminal.open", json!({ "cols": 80, "rows": 24 }));
        json!({ "sessionId": opened["sessionId"] })
    });
}

#[test]
fn has_no_colours() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let script = "printf '\\033[31mred\\033[0m and 10%%\\r20%%\\nend\\n'; cat";
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", script] }));
    screen.until("end");
    assert_eq!(tenant.ok("terminal.text", json!({ "sessionId": screen.id() })), json!({ "text": "20%\nend\n" }));
}
