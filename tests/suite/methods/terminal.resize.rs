//! `terminal.resize`: changes a terminal's size.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.resize", |stage| {
        let spawned = stage.a.ok("terminal.spawn", json!({}));
        json!({ "terminalId": spawned["terminalId"], "cols": 120, "rows": 40 })
    });
}

#[test]
fn a_size_is_one_that_a_screen_can_have() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let screen = Screen::spawn(&tenant, json!({}));
    for (cols, rows) in [(0, 24), (80, 0), (2001, 24), (80, 2001)] {
        let params = json!({ "terminalId": screen.id(), "cols": cols, "rows": rows });
        assert_eq!(tenant.err("terminal.resize", params).code, -32602, "{cols}x{rows}");
    }
    tenant.done("terminal.resize", json!({ "terminalId": screen.id(), "cols": 2000, "rows": 1 }));
}

#[test]
fn the_program_sees_the_new_size() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({}));
    let resized = tenant.ok("terminal.resize", json!({ "sessionId": screen.id(), "cols": 132, "rows": 43 }));
    assert_eq!(resized, json!({ "cols": 132, "rows": 43 }));
    // Asked until it has come through: a resize is told to the program, which sees to it when it can.
    screen.write("until [ \"$(stty size)\" = '43 132' ]; do :; done; echo seen-$((1+1))\n");
    screen.until("seen-2");
}
