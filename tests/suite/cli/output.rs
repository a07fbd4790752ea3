//! What people see.

use openclaw_tests::{cli::Cli, redact::redact};

use crate::contract::*;

fn shown(output: &openclaw_tests::Output) -> String {
    redact(&format!("exit {}\n--- stdout\n{}--- stderr\n{}", output.code, output.stdout, output.stderr))
}

#[test]
fn tenants_create_and_rotate() {
    let home = Home::warm();
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "create", "acme"])), @r"
    exit 0
    --- stdout
    tenantId:  acme
    token:     tk_acme_[secret]
    createdAt: [time]
    stateDir:  tenants/acme
    --- stderr
    Note: the token is shown this once: keep it in a safe place
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "token", "rotate", "acme"])), @r"
    exit 0
    --- stdout
    tenantId: acme
    token:    tk_acme_[secret]
    --- stderr
    Note: the token is shown this once: keep it in a safe place
    ");
}

#[test]
fn tenants_list_and_info() {
    let home = Home::warm();
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list"])), @r"
    exit 0
    --- stdout
    --- stderr
    Note: there are no tenants: `openclaw tenants create ID` makes one
    ");
    home.cli(&["tenants", "create", "acme", "--display-name", "Acme Ltd"]).exited(0);
    home.cli(&["tenants", "create", "beta"]).exited(0);
    home.cli(&["tenants", "disable", "beta"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list"])), @r"
    exit 0
    --- stdout
    TENANT  NAME      STATE     CREATED  LAST SEEN
    acme    Acme Ltd  active    [time]  -
    beta    -         disabled  [time]  -
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "list", "--quiet"])), @r"
    exit 0
    --- stdout
    acme
    beta
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "info", "acme"])), @r"
    exit 0
    --- stdout
    tenantId:    acme
    displayName: Acme Ltd
    createdAt:   [time]
    disabled:    false
    stateDir:    tenants/acme
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "info", "nobody"])), @r"
    exit 3
    --- stdout
    --- stderr
    Error: there is no tenant nobody
    ");
}

#[test]
fn tenants_disable_enable_and_delete() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "disable", "acme"])), @r"
    exit 0
    --- stdout
    tenant acme is disabled
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "enable", "acme"])), @r"
    exit 0
    --- stdout
    tenant acme is enabled
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "delete", "acme"])), @r"
    exit 1
    --- stdout
    This would go:
    tenantId:       acme
    createdAt:      [time]
    disabled:       false
    diskUsageBytes: 49152
    stateDir:       tenants/acme
    totalCostUsd:   0
    totalSessions:  0
    --- stderr
    Error: nothing was deleted
    Hint: `openclaw tenants delete acme --confirm` deletes it for good
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "delete", "acme", "--confirm"])), @r"
    exit 0
    --- stdout
    tenant acme is deleted
    --- stderr
    ");
}

#[test]
fn tenants_quota() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "600"])), @r"
    exit 0
    --- stdout
    tenantId:                   acme
    quotas.requests_per_minute: 600
    updated:                    true
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "many"])), @r#"
    exit 2
    --- stdout
    --- stderr
    Error: --quota.requests-per-minute "many": it takes a whole number, or none for no limit
    Hint: --quota.requests-per-minute 600
    "#);
    insta::assert_snapshot!(shown(&home.cli(&["tenants", "quota", "set", "acme"])), @r"
    exit 2
    --- stdout
    --- stderr
    Error: no quota is named
    Hint: name one: --quota.requests-per-minute 600
    ");
}

#[test]
fn config_verbs() {
    let home = Home::with_config("gateway:\n  limits: {batch: 7}\n");
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate"])), @r"
    exit 0
    --- stdout
    [home]/config.yaml is valid
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["config", "show"])), @r"
    exit 0
    --- stdout
    gateway:
      limits:
        batch: 7
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["config", "explain", "gateway.limits.batch"])), @r"
    exit 0
    --- stdout
    key:         gateway.limits.batch
    value:       7
    source:      [home]/config.yaml:2:12
    description: Most calls in one JSON-RPC batch.
    --- stderr
    ");
    insta::assert_snapshot!(shown(&home.cli(&["config", "explain", "gateway.limits.bach"])), @r"
    exit 3
    --- stdout
    --- stderr
    Error: unknown key gateway.limits.bach
    Hint: did you mean gateway.limits.batch?
    ");
    home.configure("gateway:\n  limit: {batch: 7}\n");
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate"])), @r#"
    exit 8
    --- stdout
    --- stderr
    Error: [home]/config.yaml:2:3: unknown key gateway.limit (did you mean "limits"?)
    Hint: `openclaw config schema` lists every key, `openclaw config explain KEY` one of them
    "#);
    insta::assert_snapshot!(shown(&home.cli(&["config", "validate", "--json"])), @r#"
    exit 8
    --- stdout
    --- stderr
    {"error":{"code":"CONFIG_INVALID","details":[{"column":3,"file":"[home]/config.yaml","key":"gateway.limit","line":2,"message":"unknown key gateway.limit","source":"[home]/config.yaml:2:3","suggestion":"limits"}],"exitCode":8,"hint":"`openclaw config schema` lists every key, `openclaw config explain KEY` one of them","message":"[home]/config.yaml:2:3: unknown key gateway.limit (did you mean \"limits\"?)"}}
    "#);
}

#[test]
fn call() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    insta::assert_snapshot!(shown(&home.cli(&["call", "voicewake.get", "--tenant", "acme"])), @r#"
    exit 0
    --- stdout
    {
      "triggers": [
        "openclaw",
        "claude",
        "computer"
      ]
    }
    --- stderr
    "#);
    insta::assert_snapshot!(shown(&home.cli(&["call", "sessions.list", "limit=0", "--tenant", "acme"])), @r"
    exit 2
    --- stdout
    --- stderr
    Error: limit: value is less than the minimum of 1
    ");
    insta::assert_snapshot!(shown(&home.cli(&["call", "nothing", "--tenant", "acme"])), @r"
    exit 3
    --- stdout
    --- stderr
    Error: method not found: nothing
    ");
}

#[test]
fn version_and_completions() {
    let version = Cli::bare(&["version"]).run().succeeded().stdout;
    assert!(version.starts_with("openclaw ") && version.contains("wasmtime 48."), "{version}");
    for family in [
        "agents",
        "chat",
        "config",
        "exec",
        "health",
        "memory",
        "sandbox",
        "sessions",
        "tenants",
        "terminal",
        "voicewake",
    ] {
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
    insta::assert_snapshot!(told, @r"
    exit 5
    --- stdout
    --- stderr
    Error: [home] is in use by another daemon (pid [pid])
    Hint: stop it with `kill [pid]`, or choose another directory with --home
    ");
}
