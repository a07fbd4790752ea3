//! `terminal.attach`: what a terminal has shown, for who comes back to it.

use openclaw_tests::wait_until;

use crate::{contract::*, sandbox::Screen};

#[test]
fn keeps_the_contract() {
    contract("terminal.attach", |stage| {
        // What the first tenant's screen shows is what the second must not see.
        let shows = json!({ "cmd": ["sh", "-c", format!("echo {MARK}; cat")] });
        let named = json!({ "terminalId": stage.a.ok("terminal.spawn", shows)["terminalId"] });
        wait_until("the mark on the screen", || {
            stage.a.ok("terminal.attach", named.clone())["buffer"].to_string().contains(MARK)
        });
        named
    });
}

#[test]
fn a_terminal_outlives_the_connection_that_began_it() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({}));
    screen.write("echo re$((1+1))member\n");
    screen.until("re2member");
    let id = screen.forget();
    let attached = tenant.ok("terminal.attach", json!({ "sessionId": id }));
    has_fields(&attached, "terminalId sessionId agentId shell cwd confined cols rows buffer seq");
    assert!(attached["buffer"].as_str().is_some_and(|buffer| buffer.contains("re2member")), "{attached}");
}

#[test]
fn of_a_flood_the_newest_part_is_kept_and_no_event_is_large() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["sh", "-c", "seq 1 200000; echo at-the-end; cat"] }));
    screen.until("at-the-end");
    let attached = tenant.ok("terminal.attach", json!({ "terminalId": screen.id() }));
    let buffer = attached["buffer"].as_str().expect("text");
    assert!(buffer.len() <= 256 << 10 && buffer.contains("200000\r\nat-the-end"), "{} bytes", buffer.len());
}

#[test]
fn what_it_answers_goes_on_with_the_event_after_its_number() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut screen = Screen::spawn(&tenant, json!({ "cmd": ["cat"] }));
    screen.write("before\n");
    screen.until("before\r\nbefore");
    let attached = tenant.ok("terminal.attach", json!({ "sessionId": screen.id() }));
    screen.write("after\n");
    let (mut shown, last) = (attached["buffer"].as_str().expect("text").to_owned(), attached["seq"].as_u64());
    while !shown.contains("after\r\nafter") {
        let event = screen.event("terminal.data");
        if event["seq"].as_u64() > last {
            shown += event["data"].as_str().expect("text");
        }
    }
    assert_eq!(shown, "before\r\nbefore\r\nafter\r\nafter\r\n");
}
