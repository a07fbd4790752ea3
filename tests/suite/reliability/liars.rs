//! A manifest that lies is refused, or believed no further than the host can check.

use crate::contract::*;

use super::fixture;

/// A home with the fixture that tells this lie.
fn home(lie: &str) -> Home {
    let mut wasm = std::fs::read(fixture("liar")).expect("the fixture");
    let mark = b"LIE:no------";
    let at = wasm.windows(mark.len()).position(|window| window == mark).expect("the mark");
    wasm[at + 4..at + 4 + lie.len()].copy_from_slice(lie.as_bytes());
    let home = Home::warm();
    let path = home.path().join("liar.wasm");
    std::fs::write(&path, wasm).expect("a file");
    home.configure(&format!("components: {{load: [{path:?}]}}\n"));
    home
}

fn refused(lie: &str) -> String {
    let failed = Daemon::start_on(home(lie)).err().unwrap_or_else(|| panic!("it started with {lie}"));
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.log.contains("liar.wasm"), "{failed}");
    failed.log
}

#[test]
fn a_schema_that_fans_out_is_refused() {
    let log = refused("fanout");
    assert!(log.contains("more than 5000"), "{log}");
}

#[test]
fn a_schema_without_a_bottom_is_refused() {
    let log = refused("deep");
    assert!(log.contains("manifest"), "{log}");
}

#[test]
fn a_manifest_without_an_end_is_refused() {
    let log = refused("huge");
    assert!(log.contains("manifest"), "{log}");
}

#[test]
fn a_version_of_a_mebibyte_is_in_no_line_of_the_log() {
    let log = refused("wordy");
    assert!(log.contains("manifest") && log.len() < 100_000, "{} bytes", log.len());
}

#[test]
fn a_schema_that_makes_much_of_few_bytes_is_refused_the_value() {
    let daemon = Daemon::start_on(home("costly")).expect("it starts");
    let a = daemon.tenant("a");
    assert_eq!(a.ok("liar.answer", json!({ "texts": vec!["a"; 100] }))["answer"], 42);
    let error = a.err("liar.answer", json!({ "texts": vec!["a"; 6_000] }));
    assert_eq!(error.code, -32602, "{error}");
    assert!(error.message.contains("too much"), "{error}");
}

#[test]
fn a_method_that_nobody_handles_fails_alone() {
    let daemon = Daemon::start_on(home("no")).expect("it starts");
    let a = daemon.tenant("a");
    let error = a.err("liar.unknown", json!({}));
    assert!(["NOT_FOUND", "INTERNAL"].contains(&error.name()), "{error}");
    assert_eq!(a.ok("liar.answer", json!({}))["answer"], 42);
    a.done("health", json!({}));
}

#[test]
fn a_manifest_that_differs_each_time_is_read_once() {
    let daemon = Daemon::start_on(home("vary")).expect("it starts");
    let a = daemon.tenant("a");
    let first = a.ok("rpc.discover", json!({}));
    assert_eq!(a.ok("liar.answer", json!({}))["answer"], 42);
    assert_eq!(a.ok("rpc.discover", json!({})), first);
}
