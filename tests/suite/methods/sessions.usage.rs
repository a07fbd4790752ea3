//! `sessions.usage`: what sessions used, as their transcripts tell.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sessions.usage", |stage| json!({ "key": stage.key }));
}

#[test]
fn sums_by_session_day_and_model() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "one" }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "two" }));
    let usage = tenant.ok("sessions.usage", json!({}));
    assert_eq!(usage["totals"]["messages"], 2);
    assert_eq!(usage["totals"]["totalTokens"], 0);
    assert_eq!(pluck(&usage["sessions"], "key"), [key]);
    assert_eq!(usage["daily"].as_array().map(Vec::len), Some(1));
    assert_eq!(usage["byModel"][0]["model"], "gateway-injected");
}

#[test]
fn days_outside_the_range_do_not_count() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "one" }));
    let usage = tenant.ok("sessions.usage", json!({ "startDate": "2001-01-01", "endDate": "2001-12-31" }));
    assert_eq!(usage["totals"]["messages"], 0);
    assert_eq!(tenant.err("sessions.usage", json!({ "startDate": "yesterday" })).code, -32602);
}
