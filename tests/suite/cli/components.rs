//! `openclaw components …` on the fixtures.

use std::path::Path;

use openclaw_tests::{Output, cli::Cli};

use crate::{components, contract::*, reliability::fixture};

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
    test_of("echo", calls, arguments)
}

fn test_of(fixture: &str, calls: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("calls.yaml"), calls).expect("the calls");
    Cli::bare(&[&["components", "test", &path(fixture)], arguments].concat()).within(folder.path()).run()
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

/// The report on the file with other letters in it.
fn check_with(name: &str, from: &str, to: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = components::with_text(components::built(&format!("fixtures/{name}.wasm")), from, to);
    std::fs::write(folder.path().join("own.wasm"), wasm).expect("a component");
    Cli::bare(&["components", "check", "own.wasm", "--json"]).within(folder.path()).run().json()
}

#[test]
fn check_says_what_of_the_contract_is_not_as_here() {
    for name in ["echo", "hostile", "wants_channels", "migrates", "plain_wasi"] {
        let contract = &check(name).json()["contract"];
        assert_eq!(contract["differences"], json!([]), "{name}: {contract}");
        assert_eq!((&contract["gateway"], &contract["standing"]), (&json!("0.1.0"), &json!("same")), "{name}");
    }
    let text = Cli::bare(&["components", "check", &path("echo")]).run().exited(0).stdout;
    assert!(text.contains("built against openclaw:gateway@0.1.0, the version of this gateway"), "{text}");

    let report = check_with("greeter", "bus.publish", "bus.publesh");
    assert_eq!(report["ok"], false, "{report}");
    let differences = report["contract"]["differences"].as_array().expect("the differences");
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0]["item"], "events func [method]bus.publesh");
    assert_eq!(differences[0]["gateway"], Value::Null);

    let newer = check_with("greeter", "@0.1.0", "@0.1.9")["contract"].clone();
    assert_eq!((&newer["component"], &newer["standing"]), (&json!("0.1.9"), &json!("newer")), "{newer}");
    assert_eq!(newer["differences"], json!([]));
}

#[test]
fn check_says_whether_a_component_migrates() {
    assert_eq!(check("migrates").json()["migrates"], true);
    assert_eq!(check("echo").json()["migrates"], false);
    let text = Cli::bare(&["components", "check", &path("migrates")]).run().exited(0).stdout;
    assert!(text.contains("migration") && text.contains("first call"), "{text}");
}

#[test]
fn a_component_that_is_tried_alone_is_told_so_when_it_calls_others() {
    let calls = "- method: leans.sessions\n  expect: { error: { code: NOT_FOUND, message: tried alone } }\n";
    test_of("leans", calls, &[]).exited(0);
    let refused = test_of("caller", "- method: caller.again\n  expect: { result: {} }\n", &[]).exited(1).stderr;
    assert!(refused.contains("method:<name>"), "{refused}");
    let report = check("caller").exited(1).json();
    assert!(report["problems"][0].as_str().is_some_and(|why| why.contains("method:<name>")), "{report}");
}

#[test]
fn check_lists_the_grants() {
    let report = check("hostile").json();
    let grants: Vec<&str> = report["grants"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(grants.contains(&"config"), "{grants:?}");
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn a_component_imports_what_it_uses_and_no_more() {
    let imports = |name: &str| {
        let mut imports = pluck(&check(name).json()["imports"], "name");
        imports.sort();
        imports
    };
    let own = ["calls", "documents", "events", "types"].map(|name| format!("openclaw:gateway/{name}@0.1.0"));
    assert_eq!(imports("greeter"), own);
    let own = ["calls", "channels", "types"].map(|name| format!("openclaw:gateway/{name}@0.1.0"));
    assert_eq!(imports("wants_channels"), own);
}

#[test]
fn check_says_why_a_component_would_be_refused() {
    for (name, reason) in [("wants_channels", "channels"), ("bad_manifest", "manifest")] {
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
    let (first, limits) = (&report["calls"][0], &report["limits"]);
    for figure in ["cpuMicros", "memoryBytes", "hostCalls", "resultBytes", "logLines"] {
        assert!(first[figure].as_u64() < limits[figure].as_u64(), "{figure}: {report}");
    }
    assert_eq!(first["resultBytes"], r#"{"text":"hello"}"#.len(), "{report}");
    assert!(report["calls"][1].get("memoryBytes").is_none(), "its parameters kept it from running: {report}");
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

/// What an author and an operator have at hand: the component `lookup`, its calls, a key and a
/// signature; and it bound as the canary of another version, for the tenant `demo` and for everyone.
pub(crate) fn workshop(daemon: &Daemon, folder: &Path) {
    let wasm = components::with_text(components::built("fixtures/echo.wasm"), "echo00", "lookup");
    std::fs::write(folder.join("lookup.wasm"), &wasm).expect("a component");
    std::fs::write(folder.join("calls.yaml"), CALLS.replace("echo00", "lookup")).expect("its calls");
    std::fs::write(folder.join("password.txt"), "correct horse\n").expect("a password");
    for arguments in [&["keygen", "--no-password"][..], &["sign", "lookup.wasm", "--key", "minisign.key"]] {
        let arguments = [&["components"], arguments].concat();
        Cli::bare(&arguments).within(folder).run().exited(0);
    }
    Cli::bare(&["components", "new", "lookup", "--lang", "c", "--directory", "in_c"]).within(folder).run().exited(0);
    std::fs::rename(folder.join("in_c/wit"), folder.join("wit")).expect("the contract");
    for client in [daemon.operator_for("demo"), daemon.operator()] {
        client.done("components.install", components::params(&next(&wasm), json!({ "grants": [] })));
        let canary = json!({ "grants": [], "canaryPercent": 50 });
        client.done("components.install", components::params(&wasm, canary));
    }
}

/// Another version of a component: the same code with a custom section at its end.
fn next(wasm: &[u8]) -> Vec<u8> {
    [wasm, &[0, 2, 1, b'2']].concat()
}

#[test]
fn an_installed_component_is_swapped_and_rolled_back() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("demo");
    let folder = tempfile::tempdir().expect("a folder");
    let swap = |version: &str| {
        let path = folder.path().join(format!("{version}.wasm"));
        std::fs::write(&path, components::swap(version)).expect("a component");
        path.display().to_string()
    };
    let (first, second) = (swap("ok00001"), swap("ok00002"));
    let answers = || tenant.ok("swap.version", json!({}))["first"].clone();

    let refused = daemon.home().cli(&["components", "install", &first, "--tenant", "demo"]).exited(2);
    assert!(refused.stderr.contains("config") && refused.stderr.contains("--yes"), "{refused:?}");
    daemon.home().cli(&["components", "install", &first, "--tenant", "demo", "--yes"]).exited(0);
    assert_eq!(answers(), "swap-version-ok00001");
    daemon.home().cli(&["components", "install", &second, "--tenant", "demo", "--yes"]).exited(0);
    assert_eq!(answers(), "swap-version-ok00002");
    daemon.home().cli(&["components", "rollback", "swap", "--tenant", "demo"]).exited(0);
    assert_eq!(answers(), "swap-version-ok00001");
    let listed = daemon.home().cli(&["components", "list", "--tenant", "demo"]).exited(0).stdout;
    assert!(listed.contains("swap") && listed.contains("active") && listed.contains("builtin"), "{listed}");
    // Back to the second, by the digest as the list shows it.
    let previous =
        listed.lines().find(|line| line.starts_with("swap") && line.contains("previous")).expect("it is kept");
    let digest = previous.split_whitespace().last().expect("a digest");
    let activate =
        |digest: &str| daemon.home().cli(&["components", "activate", "swap", "--tenant", "demo", "--digest", digest]);
    activate(digest).exited(0);
    assert_eq!(answers(), "swap-version-ok00002");
    assert!(activate("sha256:0123456789ab").exited(3).stderr.contains("components list"));
    let missing = daemon.home().cli(&["components", "install", &second, "--tenant", "demo", "--grant", "usage"]);
    assert!(missing.exited(4).stderr.contains("config"));
    daemon.home().cli(&["components", "remove", "swap", "--tenant", "demo"]).exited(0);
    assert_eq!(tenant.err("swap.version", json!({})).code, -32601);
}

#[test]
fn what_is_not_signed_by_a_trusted_key_is_not_installed() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| Cli::bare(&[&["components"], arguments].concat()).within(folder.path()).run();
    std::fs::write(folder.path().join("password.txt"), "correct horse\n").expect("a password");
    std::fs::write(folder.path().join("swap.wasm"), components::swap("ok00001")).expect("a component");
    let made = run(&["keygen", "--password-file", "password.txt", "--json"]).exited(0).json();
    let public = made["publicKey"].as_str().expect("a key").to_owned();
    let again = run(&["keygen", "--password-file", "password.txt"]).exited(5);
    assert!(again.stderr.contains("minisign.key is already there"), "{again:?}");

    let daemon = Daemon::start_with(&format!("components:\n  trusted_keys: [{public:?}]\n"));
    let tenant = daemon.tenant("demo");
    let file = folder.path().join("swap.wasm").display().to_string();
    let install = || daemon.home().cli(&["components", "install", &file, "--tenant", "demo", "--yes"]);
    assert!(install().exited(4).stderr.contains("signature"));
    run(&["sign", "swap.wasm", "--key", "minisign.key", "--password-file", "password.txt"]).exited(0);
    run(&["verify", "swap.wasm", "--key", "minisign.pub"]).exited(0);
    install().exited(0);
    tenant.done("swap.version", json!({}));

    // A signature covers the bytes that it was made for.
    std::fs::write(folder.path().join("swap.wasm"), components::swap("ok00002")).expect("a component");
    assert!(run(&["verify", "swap.wasm", "--key", "minisign.pub"]).exited(1).stderr.contains("not valid"));
    std::fs::write(folder.path().join("swap.wasm"), "no component").expect("a file");
    assert!(run(&["verify", "swap.wasm", "--key", "minisign.pub"]).exited(1).stderr.contains("signature"));
    std::fs::write(folder.path().join("swap.wasm"), components::swap("ok00002")).expect("a component");
    assert!(install().exited(4).stderr.contains("trusted_keys"));
    assert_eq!(tenant.ok("swap.version", json!({}))["first"], "swap-version-ok00001");
}
