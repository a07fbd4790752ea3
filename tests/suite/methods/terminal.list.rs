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
        "terminalId sessionId tenantId agentId pid cols rows shell cwd createdAt lastActivityAt createdAtMs confined attached",
    );
    assert_eq!((&row["terminalId"], &row["tenantId"], &row["cols"]), (&json!(screen.id()), &json!("acme"), &json!(90)));
    assert_eq!(row["pid"], screen.spawned["pid"]);
    assert_eq!((&row["agentId"], &row["shell"], &row["cwd"]), (&json!("main"), &json!("/bin/bash"), &json!("/work")));
    assert_eq!(row["attached"], false, "nobody watches it over /terminal");
    is_rfc3339(&row["createdAt"]);
    is_rfc3339(&row["lastActivityAt"]);
    is_unix_ms(&row["createdAtMs"]);
    assert_eq!(other.ok("terminal.list", json!({})), json!({ "sessions": [] }));
}

#[test]
fn the_operator_sees_everyones_and_a_tenants_where_it_names_one() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let _screens = [Screen::spawn(&tenant, json!({})), Screen::spawn(&other, json!({}))];
    let of = |client: &Client| pluck(&client.ok("terminal.list", json!({}))["sessions"], "tenantId");
    assert_eq!(of(&daemon.operator()), ["acme", "other"]);
    assert_eq!(of(&daemon.operator_for("other")), ["other"]);
    assert_eq!(of(&tenant), ["acme"]);
}
