//! `terminal.close`: ends a terminal.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.close", |stage| {
        let spawned = stage.a.ok("terminal.spawn", json!({}));
        json!({ "terminalId": spawned["terminalId"] })
    });
}

#[test]
fn its_connections_hear_of_the_end_and_a_second_time_is_a_warning() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({}));
    assert_eq!(tenant.ok("terminal.close", json!({ "terminalId": screen.id() })), json!({ "closed": true }));
    assert_eq!(screen.ended()["reason"], "closed");
    let again = tenant.ok("terminal.close", json!({ "terminalId": screen.id() }));
    has_fields(&again, "closed warning");
}
