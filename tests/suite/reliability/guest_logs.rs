//! What the operator's log says of a component, and whom it names.

use sha2::Digest;

use crate::contract::*;

use super::hostile_daemon;

/// The lines of `gateway.log` that `is_wanted` picks.
fn lines(daemon: &Daemon, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let text = std::fs::read_to_string(daemon.home().path().join("gateway.log")).expect("the log");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    lines.filter(|line| is_wanted(line)).collect()
}

fn logged(daemon: &Daemon, method: &str) -> Value {
    let of_it = lines(daemon, |line| line["method"] == method && line["message"] == "failed");
    of_it.into_iter().next().unwrap_or_else(|| panic!("nothing about {method} in the log"))
}

#[test]
fn a_trap_is_logged_with_the_functions_that_led_to_it() {
    let daemon = hostile_daemon("");
    let a = daemon.tenant("a");
    let error = a.err("hostile.trap", json!({}));
    let detail = logged(&daemon, "hostile.trap")["detail"].to_string();
    assert!(detail.contains("unreachable") && detail.contains("fixture_hostile::limits::trap"), "{detail}");
    assert!(!error.to_string().contains("fixture_hostile"), "the client was told of it: {error}");
    assert!(!error.data.to_string().contains("fixture_hostile"), "the client was told of it: {error}");
}

#[test]
fn a_stack_that_is_full_is_logged_with_its_first_frames() {
    let daemon = hostile_daemon("");
    let error = daemon.tenant("a").err("hostile.recurse", json!({}));
    assert_eq!(error.data["limit"], "stack", "{error}");
    let detail = logged(&daemon, "hostile.recurse")["detail"].to_string();
    assert_eq!(detail.matches("fixture_hostile::limits::deeper").count(), 20, "{detail}");
}

#[test]
fn what_a_tenant_logs_too_fast_is_dropped_and_told_and_others_are_heard() {
    let daemon = hostile_daemon("");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b").with_header("X-Request-Id", "of-b"));
    // Ten times what may come at once.
    for _ in 0..12 {
        a.done("hostile.log_flood", json!({ "times": 200, "bytes": 4096 }));
    }
    b.done("hostile.log_flood", json!({ "times": 1, "bytes": 1 }));
    let told = lines(&daemon, |line| line["message"].as_str().is_some_and(|text| text.contains("log too much")));
    let [first, ..] = told.as_slice() else { panic!("nobody was told") };
    assert_eq!(first["tenant"], "a", "{first}");
    assert!(first["lines"].as_u64() >= Some(1) && first["bytes"].as_u64() > Some(4096), "{first}");
    let of_a = lines(&daemon, |line| line["target"] == "component" && line["tenant"] == "a").len();
    assert!((200..12 * 200).contains(&of_a), "{of_a} lines");
    assert_eq!(lines(&daemon, |line| line["target"] == "component" && line["request_id"] == "of-b").len(), 1);
}

#[test]
fn a_guests_own_line_says_whose_it_is() {
    let daemon = hostile_daemon("");
    let a = daemon.tenant("a").with_header("X-Request-Id", "find-me");
    a.done("hostile.log_flood", json!({ "times": 1, "bytes": 1 }));
    let of_it = lines(&daemon, |line| line["target"] == "component" && line["request_id"] == "find-me");
    let [line] = of_it.as_slice() else { panic!("{} lines", of_it.len()) };
    assert_eq!(line["tenant"], "a", "{line}");
    assert_eq!(line["family"], "hostile", "{line}");
    assert_eq!(line["version"], env!("CARGO_PKG_VERSION"), "{line}");
    let component = std::fs::read(super::fixture("hostile")).expect("the fixture");
    assert_eq!(line["digest"], hex::encode(sha2::Sha256::digest(component))[..8], "{line}");
}
