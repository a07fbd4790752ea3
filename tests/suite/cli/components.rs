//! `openclaw components …` on the fixtures.

use std::path::Path;

use openclaw_tests::{Output, cli::Cli};

use crate::{contract::*, reliability::fixture};

/// Calls of the fixture `echo`.
pub(crate) const CALLS: &str = "\
- name: answers the text
  method: echo00.text
  params: { text: hello }
  expect: { result: { text: hello } }
- method: echo00.text
  params: { txt: hello }
  as: { scopes: [read] }
  expect: { error: { code: INVALID_REQUEST, message: txt } }
";

fn check(name: &str) -> Output {
    Cli::bare(&["components", "check", &path(name), "--json"]).run()
}

fn path(fixture_name: &str) -> String {
    fixture(fixture_name).display().to_string()
}

/// Runs these calls of the fixture `echo`.
fn test(calls: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("calls.yaml"), calls).expect("the calls");
    let echo = path("echo");
    Cli::bare(&[&["components", "test", &echo], arguments].concat()).within(folder.path()).run()
}

#[test]
fn check_shows_what_a_component_is_and_asks_for() {
    let report = check("echo").exited(0).json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["family"], "echo00");
    assert_eq!(report["witVersion"], "0.1.0");
    assert_eq!(report["methods"][0]["scope"], "read");
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report["warnings"], json!([]), "the SDK's own tuning keeps it small");
    let text = Cli::bare(&["components", "check", &path("echo")]).run().exited(0).stdout;
    assert!(text.contains("echo00.text") && text.contains("sha256:"), "{text}");
}

#[test]
fn check_lists_the_grants() {
    let report = check("hostile").json();
    let grants: Vec<&str> = report["grants"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(grants.contains(&"config"), "{grants:?}");
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn check_says_why_a_component_would_be_refused() {
    for (name, reason) in [("wants_sandbox", "sandbox"), ("bad_manifest", "manifest")] {
        let report = check(name).exited(1).json();
        assert_eq!(report["ok"], false);
        assert!(report["problems"].to_string().contains(reason), "{report}");
        let said = Cli::bare(&["components", "check", &path(name)]).run().exited(1).stderr;
        assert!(said.contains("would be refused") && said.contains(reason), "{said}");
    }
    let own = openclaw_tests::workspace().join("target/components/health.wasm");
    let said = Cli::bare(&["components", "check", &own.to_string_lossy()]).run().exited(1).stderr;
    assert!(said.contains("the family health is the gateway's own"), "{said}");
}

#[test]
fn what_is_no_component_is_named() {
    let missing = Cli::bare(&["components", "check", "nowhere.wasm"]).run().exited(3);
    assert!(missing.stderr.contains("nowhere.wasm"), "{missing:?}");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    Cli::bare(&["components", "check", &manifest.to_string_lossy()]).run().exited(1);
}

#[test]
fn calls_are_run_and_compared() {
    let report = test(CALLS, &["--json"]).exited(0).json();
    assert_eq!((&report["total"], &report["failed"]), (&json!(2), &json!(0)), "{report}");
    let failing = CALLS.replace("{ result: { text: hello } }", "{ resultContains: { text: bye } }");
    let failed = test(&failing, &[]).exited(1);
    assert!(failed.stdout.contains("FAIL  answers the text"), "{failed:?}");
    assert!(failed.stdout.contains("result.text\n        expected \"bye\"\n        was      \"hello\""), "{failed:?}");
    assert!(failed.stdout.contains("2 calls, 1 failed"), "{failed:?}");
}

#[test]
fn calls_that_cannot_be_read_are_named_by_their_place() {
    let typo = test(&CALLS.replace("expect: { result:", "expect: { reslt:"), &[]).exited(2);
    assert!(typo.stderr.contains("calls.yaml:4:") && typo.stderr.contains("reslt"), "{typo:?}");
    let none = test(CALLS, &["--calls", "elsewhere.yaml"]).exited(3);
    assert!(none.stderr.contains("elsewhere.yaml"), "{none:?}");
}
