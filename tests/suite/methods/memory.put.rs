//! `memory.put`: a text is remembered.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("memory.put", |_| json!({ "path": "memory/a.md", "text": "The bakery is closed." }));
}

#[test]
fn a_text_takes_the_place_of_the_one_before() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let put = |text: &str| tenant.ok("memory.put", json!({ "path": "notes/a.md", "text": text }));
    assert!(put(&"A line of many in a long text.\n".repeat(200))["chunks"].as_u64().is_some_and(|chunks| chunks > 3));
    assert_eq!(put("The bakery is closed."), json!({ "chunks": 1 }));
    assert_eq!(tenant.ok("memory.status", json!({}))["chunks"], 1);
    assert_eq!(put(""), json!({ "chunks": 0 }));
}

#[test]
fn a_path_that_leads_out_and_a_text_that_is_too_long_are_refused() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for path in ["", "../escape.md", "/etc/escape.md", "a/../../escape.md", "a\u{0}b"] {
        let error = tenant.err("memory.put", json!({ "path": path, "text": "x" }));
        assert_eq!(error.name(), "INVALID_REQUEST", "{path:?}: {error}");
    }
    let error = tenant.err("memory.put", json!({ "path": "a.md", "text": "x".repeat((512 << 10) + 1) }));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    assert_eq!(tenant.ok("memory.status", json!({}))["files"], 0);
}
