//! `terminal.input`: types into a terminal, as OpenClaw's clients do.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.input", |stage| {
        let opened = stage.a.ok("terminal.open", json!({ "cols": 80, "rows": 24 }));
        json!({ "sessionId": opened["sessionId"], "data": "x" })
    });
}

#[test]
fn is_terminal_write_by_another_name() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["cat"] }));
    let typed = json!({ "sessionId": screen.id(), "data": "héllo\n" });
    assert_eq!(tenant.ok("terminal.input", typed.clone()), json!({ "ok": true }));
    screen.until("héllo");
    assert_eq!(other.err("terminal.input", typed).name(), "NOT_FOUND");
}
