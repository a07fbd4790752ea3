//! Calls that a component brings along, which an install runs on state that is thrown away.

use std::fs;

use openclaw_tests::cli::Cli;

use crate::contract::*;

use super::{GRANTS, answers, built, install, params, swap};

/// The component with these calls in it, by the author's own verb.
fn with_calls(wasm: &[u8], calls: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("own.wasm"), wasm).expect("a component");
    fs::write(folder.path().join("calls.yaml"), calls).expect("its calls");
    let embed = ["components", "embed", "own.wasm", "--output", "checked.wasm"];
    Cli::bare(&embed).within(folder.path()).run().exited(0);
    fs::read(folder.path().join("checked.wasm")).expect("the component with its calls")
}

/// Says hello to Ada as if nobody had before.
const GREETS: &str = "\
- name: greets by name
  method: greeter.hello
  params: { name: Ada }
  expect: { result: { text: \"Hello, Ada!\", times: 1 } }
- name: wants a name
  method: greeter.hello
  expect: { error: { code: INVALID_REQUEST } }
- name: wants a token that writes
  method: greeter.hello
  params: { name: Ada }
  as: { scopes: [read] }
  expect: { error: { code: FORBIDDEN, message: write } }
";

#[test]
fn they_run_on_documents_that_are_nobodys_and_leave_nothing() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let mut socket = a.socket();
    socket.subscribe(None);
    operator.done("components.install", params(&built("fixtures/greeter.wasm"), json!({})));
    a.done("greeter.hello", json!({ "name": "Ada" }));
    socket.event_named("greeter.greeted");

    let row =
        operator.ok("components.install", params(&with_calls(&built("fixtures/greeter.wasm"), GREETS), json!({})));
    let checks = row["checks"].as_array().expect("the checks");
    assert!(checks.contains(&json!("fixtures")), "{row}");
    a.done("greeter.hello", json!({ "name": "Bob" }));
    assert_eq!(socket.event_named("greeter.greeted").payload, json!("Bob"), "the trial's greetings are nobody's");
    let again = a.ok("greeter.hello", json!({ "name": "Ada" }));
    assert_eq!(again["times"], 2, "the tenant's own was not there, and is as it was");
    let tenants = daemon.operator().ok("tenants.list", json!({}));
    assert_eq!(pluck(&tenants["tenants"], "tenantId"), ["a"], "nobody sees the trial's tenant");
    let left = fs::read_dir(daemon.home().path().join("scratch")).expect("where trials are").count();
    assert_eq!(left, 0);
}

#[test]
fn one_that_fails_is_named_and_the_binding_stays() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    let calls = "\
- name: says which it is
  method: swap.version
  expect: { resultContains: { first: swap-version-ok00002 } }
";
    let refused = |version: &str| {
        let wasm = with_calls(&swap(version), calls);
        let error = operator.err("components.install", params(&wasm, json!({ "grants": GRANTS })));
        assert_eq!((error.name(), &error.data["fixture"]), ("INVALID_REQUEST", &json!("says which it is")), "{error}");
        assert_eq!(answers(&a), "ok00001");
        error.message
    };
    let message = refused("ok00003");
    assert!(message.contains("result.first was \"swap-version-ok00003\""), "{message}");
    let message = refused("trap001");
    assert!(message.contains("COMPONENT_FAILED"), "a trap is one call's: {message}");

    let wasm = with_calls(&swap("ok00002"), calls);
    operator.done("components.install", params(&wasm, json!({ "grants": GRANTS })));
    assert_eq!(answers(&a), "ok00002");
}

#[test]
fn a_trial_reaches_no_model_whatever_is_granted() {
    let daemon = Daemon::start();
    let _a = daemon.tenant("a");
    let calls = "\
- method: asker.ask
  params: { request: { model: small, messages: [] } }
  expect: { error: { code: FORBIDDEN, message: model } }
";
    let wasm = with_calls(&built("fixtures/asker.wasm"), calls);
    daemon.operator_for("a").done("components.install", params(&wasm, json!({ "grants": ["model"] })));
}

#[test]
fn calls_that_are_none_are_refused_before_anything_runs() {
    let daemon = Daemon::start();
    let _a = daemon.tenant("a");
    let wasm = with_calls(&swap("ok00001"), "- method: swap.version\n  expect: { resultContains: {} }\n");
    let name = b"resultContains";
    let at = wasm.windows(name.len()).rposition(|window| window == name).expect("the section");
    let mut broken = wasm;
    broken[at] = b'R';
    let error = daemon.operator_for("a").err("components.install", params(&broken, json!({ "grants": GRANTS })));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    assert!(error.message.contains("openclaw:calls") && error.message.contains("ResultContains"), "{error}");
}
