//! `terminal.list`: the tenant's terminals.

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.list", |_| json!({}));
}

#[test]
fn tells_of_those_that_run() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let screen = Screen::spawn(&tenant, json!({ "cols": 90 }));
    let listed = tenant.ok("terminal.list", json!({}));
    let [row] = listed["sessions"].as_array().expect("rows").as_slice() else { panic!("one: {listed}") };
    has_fields(
        row,
        "terminalId sessionId tenantId pid cols rows createdAt lastActivityAt createdAtMs confined",
    );
    assert_eq!((&row["terminalId"], &row["tenantId"], &row["cols"]), (&json!(screen.id()), &json!("acme"), &json!(90)));
    assert_eq!(row["pid"], screen.spawned["pid"]);
    is_rfc3339(&row["createdAt"]);
    is_rfc3339(&row["lastActivityAt"]);
    is_unix_ms(&row["createdAtMs"]);
    assert_eq!(other.ok("terminal.list", json!({})), json!({ "sessions": [] }));
}
