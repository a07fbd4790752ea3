//! Exit codes, and the two lines of an error.

use openclaw_tests::cli::Cli;

use crate::contract::*;

/// The error's two lines are there, and nothing is on standard output.
#[track_caller]
fn fails(output: &openclaw_tests::Output, code: i32) {
    assert_eq!(output.code, code, "{output:?}");
    assert!(output.stderr.starts_with("Error: "), "{output:?}");
    assert_eq!(output.stdout, "", "{output:?}");
}

#[test]
fn each_kind_of_failure_has_its_code() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    fails(&daemon.cli(&["tenants", "creat", "x"]), 2);
    fails(&daemon.cli(&["tenants", "create"]), 2);
    fails(&daemon.cli(&["tenants", "create", "Not An Id"]), 2);
    fails(&daemon.cli(&["tenants", "info", "nobody"]), 3);
    fails(&daemon.cli(&["call", "no.such.method", "--tenant", "acme"]), 3);
    fails(&daemon.cli(&["tenants", "create", "acme"]), 5);
    fails(&daemon.cli(&["call", "sessions.list", "limit=0", "--tenant", "acme"]), 2);
    let with_token = |token: &str| {
        Cli::on(daemon.home().path(), &["call", "health", "--url", &daemon.url()]).env("OPENCLAW_TOKEN", token).run()
    };
    fails(&with_token("tk_acme_00000000000000000000000000000000"), 4);
    assert_eq!(with_token(tenant.token()).code, 0);
    daemon
        .operator()
        .done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "requests_per_minute": 1 } }));
    let _ = with_token(tenant.token());
    fails(&with_token(tenant.token()), 6);
    fails(
        &Cli::bare(&["call", "health", "--url", "http://127.0.0.1:1"]).env("OPENCLAW_TOKEN", tenant.token()).run(),
        7,
    );
}

#[test]
fn what_runs_or_costs_is_refused_of_a_disabled_tenant_and_what_is_kept_is_the_operators_to_see_and_change() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "disabled": true }));
    let call = |method: &str, params: &str| daemon.cli(&["call", method, params, "--tenant", "acme"]);
    for (method, params) in [
        ("agent.wait", r#"{"runId":"r1"}"#),
        ("sandbox.run", r#"{"command":["true"]}"#),
        ("terminal.open", r#"{"cols":80,"rows":24}"#),
        ("chat.send", r#"{"sessionKey":"main","message":"hi","idempotencyKey":"1"}"#),
    ] {
        let output = call(method, params);
        fails(&output, 4);
        assert!(output.stderr.contains("this tenant is disabled"), "{output:?}");
    }
    call("config.set", r#"{"raw":"ui: {theme: dark}"}"#).exited(0);
    call("sessions.list", "{}").exited(0);
    call("tenants.usage", "{}").exited(0);
}

#[test]
fn what_outlives_its_call_wants_a_daemon() {
    let home = Home::warm();
    for (method, params) in [
        ("chat.send", r#"{"sessionKey":"main","message":"hi","idempotencyKey":"1"}"#),
        ("sessions.send", r#"{"key":"main","message":"hi"}"#),
        ("terminal.open", "{}"),
        ("terminal.spawn", "{}"),
    ] {
        let output = home.cli(&["call", method, params, "--tenant", "acme"]);
        fails(&output, 7);
        assert!(output.stderr.contains(&format!("Error: {method} goes on after its answer")), "{output:?}");
        assert!(output.stderr.contains("Hint: `openclaw serve` first"), "{output:?}");
    }
}

#[test]
fn a_mistyped_home_is_told_and_not_made() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let missing = elsewhere.path().join("missing");
    let on = |arguments: &[&str]| Cli::on(&missing, arguments).run();
    for arguments in [
        &["tenants", "list"][..],
        &["tenants", "info", "acme"],
        &["components", "list"],
        &["call", "health"],
        &["call", "tenants.create", "tenantId=acme"],
        &["config", "show"],
        &["config", "validate"],
        &["config", "explain", "gateway.listen"],
        &["logs"],
    ] {
        let output = on(arguments);
        fails(&output, 3);
        assert!(output.stderr.contains(&format!("there is no state directory {}", missing.display())), "{output:?}");
        for maker in ["openclaw serve", "openclaw tenants create"] {
            assert!(output.stderr.contains(maker), "{output:?}");
        }
        assert!(!missing.exists(), "{arguments:?} made it");
    }
    let doctor = on(&["doctor", "--fix", "--json"]).exited(1).json();
    assert_eq!((&doctor["checks"][0]["check"], &doctor["checks"][0]["status"]), (&json!("home"), &json!("fail")));
    assert!(doctor["checks"][0]["message"].as_str().is_some_and(|told| told.contains("missing")), "{doctor}");
    assert!(!missing.exists(), "doctor made it");
}

#[test]
fn tenants_create_makes_the_home() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let missing = elsewhere.path().join("missing");
    // Its configuration is wrong, so that it ends before the components are compiled.
    let create = Cli::on(&missing, &["tenants", "create", "acme"]).env("OPENCLAW_DURABILITY", "none").run();
    fails(&create, 8);
    assert!(missing.is_dir());
}

#[test]
fn with_json_the_error_is_json_too() {
    let daemon = Daemon::start();
    for arguments in [
        &["tenants", "info", "nobody", "--json"][..],
        &["--json", "tenants", "info", "nobody"],
        &["tenants", "creat", "--json"],
    ] {
        let output = daemon.cli(arguments);
        assert_eq!(output.stdout, "");
        let error: Value = serde_json::from_str(&output.stderr).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(error["error"]["exitCode"], output.code);
        assert!(error["error"]["message"].is_string() && error["error"]["code"].is_string(), "{error}");
    }
}

#[test]
fn a_verb_that_was_mistyped_is_guessed() {
    let output = Cli::bare(&["tenant", "list"]).run().exited(2);
    insta::assert_snapshot!(output.stderr, @r"
    Error: unrecognized subcommand 'tenant'
    Hint: some similar subcommands exist: 'terminal', 'tenants'
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::warm();
    let script = format!("set -o pipefail; {:?} config schema | head -n 1 >/dev/null", openclaw_tests::program());
    let status = std::process::Command::new("bash")
        .args(["-c", &script])
        .env("OPENCLAW_HOME", home.path())
        .status()
        .expect("bash runs");
    assert!(status.success(), "{status}");
}

#[test]
fn users_6_control_characters_do_not_reach_the_terminal() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let hostile = "\u{1b}[2J\u{7}\u{9b}31m";
    for arguments in [
        &["tenants", "info", hostile][..],
        &["call", hostile, "--tenant", "acme"],
        &["call", "agents.files.list", &format!("agentId=x{hostile}"), "--tenant", "acme"],
        &["call", "agents.create", &format!("name=x{hostile}"), &format!("emoji={hostile}"), "--tenant", "acme"],
        &["call", "agents.list", "--tenant", "acme"],
    ] {
        let output = daemon.cli(arguments);
        let shown = output.stdout + &output.stderr;
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{arguments:?}: {shown:?}");
    }
}

#[test]
fn no_token_is_in_the_arguments_or_the_log() {
    let daemon = Daemon::start();
    let created = daemon.cli(&["tenants", "create", "acme", "--quiet"]).exited(0);
    let token = created.stdout.trim();
    assert!(token.starts_with("tk_acme_") && created.stdout.lines().count() == 1, "{created:?}");
    assert!(!created.stderr.contains(token));
    assert_eq!(daemon.home().files_with(token), Vec::<std::path::PathBuf>::new());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), token).expect("the token");
    daemon.cli(&["call", "health", "--token-file", &file.path().to_string_lossy()]).exited(0);
    let from_input =
        Cli::on(daemon.home().path(), &["call", "tenants.get", "--token-file", "-"]).input(&format!("{token}\n")).run();
    assert_eq!(from_input.succeeded().json()["tenantId"], "acme");
}
