//! What people see.

use openclaw_tests::{cli::Cli, redact::redact};

use crate::contract::*;

fn shown(output: &openclaw_tests::Output) -> String {
    redact(&format!("exit {}\n--- stdout\n{}--- stderr\n{}", output.code, output.stdout, output.stderr))
}

#[test]
fn tenants_create_and_rotate() {
    let home = Home::warm();
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "create", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "token", "rotate", "acme"])), @"");
}

#[test]
fn tenants_list_and_info() {
    let home = Home::warm();
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list"])), @"");
    home.cli(&["tenants", "create", "acme", "--display-name", "Acme Ltd"]).exited(0);
    home.cli(&["tenants", "create", "beta"]).exited(0);
    home.cli(&["tenants", "disable", "beta"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list", "--quiet"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "info", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "info", "nobody"])), @"");
}

#[test]
fn tenants_disable_enable_and_delete() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "disable", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "enable", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "delete", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "delete", "acme", "--confirm"])), @"");
}

#[test]
fn tenants_quota() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "600"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "many"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme"])), @"");
}

#[test]
fn config_verbs() {
    let home = Home::with_config("gateway:\n  limits: {batch: 7}\n");
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["config", "show"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["config", "explain", "gateway.limits.batch"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["config", "explain", "gateway.limits.bach"])), @"");
    home.configure("gateway:\n  limit: {batch: 7}\n");
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate", "--json"])), @"");
}

#[test]
fn call() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["call", "voicewake.get", "--tenant", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["call", "sessions.list", "limit=0", "--tenant", "acme"])), @"");
    insta::assert_snapshot!(shown(&home.cli(&["call", "nothing", "--tenant", "acme"])), @"");
}

#[test]
fn version_and_completions() {
    let version = Cli::bare(&["version"]).run().succeeded().stdout;
    assert!(version.starts_with("openclaw ") && version.contains("wasmtime 48."), "{version}");
    for family in ["agents", "config", "health", "sessions", "tenants", "voicewake"] {
        assert!(version.contains(family), "{family} is not in {version}");
    }
    let document = Cli::bare(&["version", "--json"]).run().succeeded().json();
    has_fields(&document, "version commit wasmtime components");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = Cli::bare(&["completions", shell]).run().succeeded().stdout;
        assert!(script.contains("openclaw"), "{shell}");
    }
}

#[test]
fn what_serve_says_when_it_cannot() {
    let daemon = Daemon::start();
    let second =
        Cli::bare(&["serve", "--home", &daemon.home().path().to_string_lossy(), "--listen", "127.0.0.1:0"]).run();
    let told = shown(&second).replace(&daemon.pid().to_string(), "[pid]");
    insta::assert_snapshot!(told, @"");
}
