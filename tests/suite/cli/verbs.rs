//! What each verb does, beside a running daemon and without one.

use openclaw_tests::{Output, cli::Cli};

use crate::contract::*;

/// Runs the same steps on a home with a daemon and on one without.
fn both(steps: impl Fn(&dyn Fn(&[&str]) -> Output)) {
    let daemon = Daemon::start();
    steps(&|arguments| daemon.cli(arguments));
    let home = Home::warm();
    steps(&|arguments| home.cli(arguments));
}

#[test]
fn what_was_checked_is_told_to_programs() {
    let home = Home::warm();
    let checked = home.cli(&["serve", "--check", "--listen", "127.0.0.1:0", "--json"]).exited(0).json();
    assert_eq!(checked, json!({ "ok": true, "listen": "127.0.0.1:0" }));
}

#[test]
fn a_tenants_life() {
    both(|openclaw| {
        let created = openclaw(&[
            "tenants",
            "create",
            "acme",
            "--display-name",
            "Acme Ltd",
            "--quota.requests-per-minute",
            "600",
            "--json",
        ])
        .exited(0)
        .json();
        has_fields(&created, "tenantId token createdAt stateDir");
        let list = openclaw(&["tenants", "list", "--json"]).exited(0).json();
        assert_eq!(pluck(&list["tenants"], "tenantId"), ["acme"]);
        let info = openclaw(&["tenants", "info", "acme", "--json"]).exited(0).json();
        assert_eq!(info["displayName"], "Acme Ltd");
        let quotas = openclaw(&["tenants", "quota", "show", "acme", "--json"]).exited(0).json();
        assert_eq!(quotas["quotas"], json!({ "requests_per_minute": 600 }));
        let quotas = openclaw(&[
            "tenants",
            "quota",
            "set",
            "acme",
            "--quota.cost-per-day-usd",
            "2.50",
            "--quota.requests-per-minute",
            "none",
            "--json",
        ])
        .exited(0)
        .json();
        assert_eq!(
            quotas["quotas"].as_object().map(|quotas| quotas.keys().cloned().collect::<Vec<_>>()),
            Some(vec!["cost_per_day_usd".to_owned()])
        );
        let rotated = openclaw(&["tenants", "token", "rotate", "acme", "--json"]).exited(0).json();
        has_fields(&rotated, "tenantId token");
        assert_ne!(rotated["token"], created["token"]);
        openclaw(&["tenants", "disable", "acme"]).exited(0);
        assert_eq!(openclaw(&["tenants", "list", "--json"]).json()["tenants"][0]["disabled"], true);
        openclaw(&["tenants", "enable", "acme"]).exited(0);
        let preview = openclaw(&["tenants", "delete", "acme"]);
        assert!(preview.stdout.contains("acme"), "{preview:?}");
        assert_eq!(
            pluck(&openclaw(&["tenants", "list", "--json"]).json()["tenants"], "tenantId"),
            ["acme"],
            "a preview deletes nothing"
        );
        let deleted = openclaw(&["tenants", "delete", "acme", "--confirm", "--json"]).exited(0).json();
        assert_eq!(deleted, json!({ "deleted": true, "tenantId": "acme" }));
        assert_eq!(openclaw(&["tenants", "list", "--json"]).json(), json!({ "tenants": [] }));
    });
}

#[test]
fn call_without_a_daemon_runs_the_component_itself() {
    both(|openclaw| {
        openclaw(&["tenants", "create", "acme"]).exited(0);
        openclaw(&["call", "voicewake.set", r#"{"triggers":["jarvis"]}"#, "--tenant", "acme"]).exited(0);
        let words = openclaw(&["call", "voicewake.get", "--tenant", "acme"]).exited(0).json();
        assert_eq!(words, json!({ "triggers": ["jarvis"] }));
        openclaw(&["call", "sessions.create", "key=agent:main:direct:1", "label=budget", "--tenant", "acme"]).exited(0);
        let list = openclaw(&["call", "sessions.list", "limit=5", "--tenant", "acme", "--json"]).exited(0).json();
        assert_eq!(list["sessions"][0]["label"], "budget");
        let methods = openclaw(&["call", "rpc.discover"]).exited(0).json();
        assert!(pluck(&methods["methods"], "name").contains(&"tenants.create".to_owned()));
    });
}

#[test]
fn a_number_is_a_string_where_the_method_wants_one() {
    both(|openclaw| {
        openclaw(&["tenants", "create", "acme"]).exited(0);
        let call = ["call", "sessions.create", "key=agent:main:direct:1", "label=123", "--tenant", "acme"];
        assert_eq!(openclaw(&call).exited(0).json()["entry"]["label"], "123");
        let call = ["call", "sessions.list", "limit=5", "search=123", "--tenant", "acme"];
        assert_eq!(openclaw(&call).exited(0).json()["count"], 1);
    });
}

#[test]
fn a_tenants_token_in_the_environment_is_not_the_operators() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let with =
        |token: &str, arguments: &[&str]| Cli::on(daemon.home().path(), arguments).env("OPENCLAW_TOKEN", token).run();
    for arguments in [
        &["tenants", "list"][..],
        &["tenants", "create", "other"],
        &["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "1"],
        &["components", "remove", "crm"],
    ] {
        let output = with(tenant.token(), arguments).exited(4);
        assert!(output.stderr.contains("OPENCLAW_TOKEN holds a tenant's token"), "{output:?}");
    }
    assert_eq!(with(tenant.token(), &["tenants", "info", "acme", "--json"]).exited(0).json()["tenantId"], "acme");
    with(tenant.token(), &["tenants", "info", "nobody"]).exited(4);
    assert_eq!(pluck(&daemon.operator().ok("tenants.list", json!({}))["tenants"], "tenantId"), ["acme"]);
    let list = with(daemon.operator_token(), &["tenants", "list", "--json"]).exited(0).json();
    assert_eq!(pluck(&list["tenants"], "tenantId"), ["acme"]);
}

#[test]
fn a_token_in_the_environment_decides_who_calls_whatever_tenant_is_named() {
    let daemon = Daemon::start();
    let (acme, _other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let call = |token: &str, tenant: &str| {
        let arguments = ["call", "tenants.get", "--tenant", tenant];
        Cli::on(daemon.home().path(), &arguments).env("OPENCLAW_TOKEN", token).run()
    };
    let refused = call(acme.token(), "other").exited(4);
    assert!(refused.stderr.contains("a tenant's token reaches its own tenant alone"), "{refused:?}");
    assert!(refused.stderr.contains("OPENCLAW_TOKEN holds a tenant's token"), "{refused:?}");
    assert_eq!(call(daemon.operator_token(), "other").exited(0).json()["tenantId"], "other");
    assert_eq!(call(acme.token(), "acme").exited(0).json()["tenantId"], "acme");
    // The operator's calls are free, a tenant's are counted.
    daemon.cli(&["tenants", "quota", "set", "acme", "--quota.requests-per-minute", "1"]).exited(0);
    call(acme.token(), "acme").exited(6);
}

#[test]
fn an_empty_token_in_the_environment_makes_nobody_the_operator() {
    let daemon = Daemon::start();
    let _acme = daemon.tenant("acme");
    for token in ["", " \n"] {
        for arguments in [&["call", "health", "--tenant", "acme"][..], &["tenants", "list"], &["components", "list"]] {
            let output = Cli::on(daemon.home().path(), arguments).env("OPENCLAW_TOKEN", token).run().exited(2);
            assert_eq!(output.stderr, "Error: OPENCLAW_TOKEN is empty: unset it or give it a token\n");
        }
    }
    let output = Cli::on(daemon.home().path(), &["doctor"]).env("OPENCLAW_TOKEN", "").run();
    assert!(!output.stderr.contains("OPENCLAW_TOKEN"), "doctor needs no token: {output:?}");
}

#[test]
fn what_was_done_without_a_daemon_is_there_for_the_next_one() {
    let home = Home::warm();
    let created = home.cli(&["tenants", "create", "acme", "--json"]).exited(0).json();
    home.cli(&["call", "voicewake.set", r#"{"triggers":["jarvis"]}"#, "--tenant", "acme"]).exited(0);
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    let tenant = daemon.client(created["token"].as_str().expect("token"));
    assert_eq!(tenant.ok("voicewake.get", json!({}))["triggers"], json!(["jarvis"]));
    let actions = pluck(&json!(daemon.home().audit()), "action");
    assert_eq!(actions.iter().filter(|action| action.contains("create")).count(), 1, "{actions:?}");
}

#[test]
fn what_is_done_beside_a_daemon_holds_on_the_next_request() {
    let daemon = Daemon::start();
    let token = daemon.cli(&["tenants", "create", "acme", "--quiet"]).exited(0).stdout.trim().to_owned();
    let tenant = daemon.client(&token);
    tenant.done("health", json!({}));
    daemon.cli(&["tenants", "disable", "acme"]).exited(0);
    assert_eq!(tenant.respond("health", &json!({})).status, 403);
    daemon.cli(&["tenants", "enable", "acme"]).exited(0);
    tenant.done("health", json!({}));
    daemon.cli(&["tenants", "delete", "acme", "--confirm"]).exited(0);
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
}

#[test]
fn verbs_work_at_a_url_with_the_operators_token() {
    let daemon = Daemon::start();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let remote = |arguments: &[&str]| {
        Cli::on(elsewhere.path(), arguments)
            .env("OPENCLAW_URL", &daemon.url())
            .env("OPENCLAW_TOKEN", daemon.operator_token())
            .run()
    };
    remote(&["tenants", "create", "acme"]).exited(0);
    assert_eq!(pluck(&remote(&["tenants", "list", "--json"]).exited(0).json()["tenants"], "tenantId"), ["acme"]);
    assert_eq!(remote(&["call", "health", "--tenant", "acme"]).exited(0).json()["ok"], true);
}

#[test]
fn the_original_spellings_are_understood() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    let rotated = home.cli(&["tenants", "token", "acme", "--json"]).exited(0).json();
    has_fields(&rotated, "tenantId token");
    home.cli(&["tenants", "remove", "acme", "--force", "--delete-data"]).exited(0);
    assert!(!home.tenant("acme").exists());
}

#[test]
fn many_commands_at_once_wait_for_each_other() {
    let home = Home::warm();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|n| {
                (
                    n,
                    scope.spawn({
                        let home = &home;
                        move || home.cli(&["tenants", "create", &format!("t{n}")])
                    }),
                )
            })
            .collect();
        for (n, run) in runs {
            let output = run.join().expect("a run");
            assert_eq!(output.code, 0, "{n}: {output:?}");
        }
    });
    assert_eq!(home.cli(&["tenants", "list", "--json"]).json()["tenants"].as_array().map(Vec::len), Some(6));
}

#[test]
fn config_show_explain_and_schema() {
    let home =
        Home::with_config("gateway:\n  control_plane_token: very-secret-token-0123456789\n  limits: {batch: 7}\n");
    let shown = home.cli(&["config", "show", "--json"]).exited(0);
    assert_eq!(shown.json()["gateway"]["limits"], json!({ "batch": 7 }));
    assert!(!shown.stdout.contains("very-secret"), "{shown:?}");
    let effective = home.cli(&["config", "show", "--effective", "--json"]).exited(0).json();
    assert_eq!(effective["gateway"]["limits"]["depth"], 64);
    let explained = home.cli(&["config", "explain", "gateway.limits.batch", "--json"]).exited(0).json();
    assert_eq!(explained["value"], 7);
    assert!(explained["source"].as_str().is_some_and(|source| source.contains("config.yaml:3")), "{explained}");
    let of_variable = Cli::on(home.path(), &["config", "explain", "gateway.limits.batch", "--json"])
        .env("OPENCLAW_GATEWAY_LIMITS_BATCH", "9")
        .run()
        .succeeded()
        .json();
    assert_eq!(of_variable["value"], 9);
    assert!(
        of_variable["source"].as_str().is_some_and(|source| source.contains("OPENCLAW_GATEWAY_LIMITS_BATCH")),
        "{of_variable}"
    );
    let unknown = home.cli(&["config", "explain", "gateway.listn"]).exited(3);
    assert!(unknown.stderr.contains("listen"), "{unknown:?}");
    assert!(home.cli(&["config", "schema"]).exited(0).json()["properties"]["gateway"].is_object());
}

#[test]
fn keys_of_agents_tools_and_messages_are_explained_as_those_of_the_schema_are() {
    let home = Home::with_config("agents: {list: [{id: ada, timeoutSeconds: 5}]}\ntools: {deny: [exec]}\n");
    let explain = |key: &str| home.cli(&["config", "explain", key, "--json"]).exited(0).json();
    for key in ["agents.defaults.model", "agents.list[].tools.exec.ask", "tools.deny", "messages.queue.mode"] {
        assert!(explain(key)["description"].as_str().is_some_and(|text| !text.contains("no effect")), "{key}");
    }
    let timeout = explain("agents.list[0].timeoutSeconds");
    assert_eq!((&timeout["value"], &timeout["key"]), (&json!(5), &json!("agents.list[0].timeoutSeconds")));
    assert!(timeout["description"].as_str().is_some_and(|text| text.contains("Seconds")), "{timeout}");
    let stranger = explain("agents.defaults.modle")["description"].clone();
    assert!(stranger.as_str().is_some_and(|text| text.contains("did you mean \"model\"?")), "{stranger}");
}

/// It is asked before the first start, and by who mends a file.
#[test]
fn a_key_is_explained_without_a_home_and_beside_a_broken_file() {
    let home = Home::empty();
    let nowhere = home.path().join("nowhere").display().to_string();
    let explain = ["config", "explain", "gateway.listen"];
    let explained = Cli::bare(&explain).env("HOME", &nowhere).run().exited(0);
    assert!(explained.stdout.contains("127.0.0.1:18789"), "{explained:?}");
    assert!(!home.path().join("nowhere").exists());
    std::fs::write(home.path().join("config.yaml"), "gateway: {listn: 1}\n").expect("a broken file");
    let explained = Cli::on(home.path(), &explain).run().exited(0);
    assert!(explained.stdout.contains("127.0.0.1:18789"), "{explained:?}");
    assert!(explained.stderr.contains("not valid") && explained.stderr.contains("listn"), "{explained:?}");
}

#[test]
fn doctor_finds_a_sound_home_sound_and_mends_modes() {
    use std::os::unix::fs::PermissionsExt;
    both(|openclaw| {
        openclaw(&["tenants", "create", "acme"]).exited(0);
        let report = openclaw(&["doctor", "--json"]).json();
        // Whether the default port is free is this machine's matter, not the home's.
        let of_the_home = |check: &&Value| check["check"] != "port";
        let failed = report["checks"].as_array().expect("checks").iter().filter(of_the_home);
        let failed: Vec<&Value> = failed.filter(|check| check["status"] == "fail").collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    let key = home.path().join("secret.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a careless mode");
    assert_eq!(home.cli(&["doctor", "--json"]).json()["ok"], false);
    let _ = home.cli(&["doctor", "--fix", "--json"]);
    assert_eq!(std::fs::metadata(&key).expect("the key").permissions().mode() & 0o777, 0o600);
}

#[test]
fn logs_are_json_lines_on_request() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let logs = daemon.cli(&["logs", "--json"]).exited(0);
    let lines: Vec<Value> = logs.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert!(!lines.is_empty());
    assert_eq!(daemon.cli(&["logs", "--tail", "1"]).exited(0).stdout.lines().count(), 1);
    assert_eq!(Home::empty().cli(&["logs"]).code, 3);
}

#[test]
fn a_quota_that_nothing_enforces_yet_is_told_of() {
    let daemon = Daemon::start();
    daemon.cli(&["tenants", "create", "acme"]).exited(0);
    let set = |flag| daemon.cli(&["tenants", "quota", "set", "acme", flag, "5"]).exited(0).stderr;
    assert!(set("--quota.max-concurrent-sessions").contains("max_concurrent_sessions has no effect yet"));
    assert_eq!(set("--quota.requests-per-minute"), "");
}
