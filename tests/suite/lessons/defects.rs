//! Defects of the original's code, by their number in the list.

use std::{fs, mem::MaybeUninit, thread};

use rustix::fs::inotify;

use crate::contract::*;

#[test]
fn defect_4_events_go_to_their_own_tenant_alone() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut of_b = b.socket();
    of_b.subscribe(None);
    a.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    a.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "secret" }));
    a.done("voicewake.set", json!({ "triggers": ["secret"] }));
    a.done("config.patch", json!({ "raw": r#"{"ui":{"x":"secret"}}"# }));
    assert_eq!(of_b.events_so_far(), []);
}

#[test]
fn defect_8_sessions_are_the_tenants_own() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    for tenant in [&a, &b] {
        tenant.done("sessions.create", json!({ "key": "agent:main:main", "label": tenant.id }));
    }
    a.done("chat.inject", json!({ "sessionKey": "main", "message": "of a" }));
    let preview = b.ok("sessions.preview", json!({ "keys": ["agent:main:main"] }));
    assert_eq!(preview["previews"][0]["status"], "empty");
    assert_eq!(b.ok("sessions.list", json!({}))["sessions"][0]["label"], "b");
}

#[test]
fn defect_11_config_set_replaces_checks_and_copies_nothing() {
    let daemon = Daemon::start_with("agents:\n  list:\n    - {id: house}\n");
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark}\ntalk: {voice: x}\n" }));
    let hash = tenant.ok("config.set", json!({ "raw": "ui: {theme: light}\n" }))["hash"].clone();
    assert_eq!(tenant.ok("config.get", json!({}))["parsed"].get("talk"), None);
    assert_eq!(tenant.err("config.set", json!({ "raw": "ui: {theme: x}\n", "baseHash": "stale" })).code, -32009);
    assert_eq!(
        tenant.err("config.set", json!({ "raw": "cron: {enabled: sometimes}\n", "baseHash": hash })).code,
        -32602
    );
    tenant.done("agents.create", json!({ "name": "own" }));
    assert!(!tenant.ok("config.get", json!({}))["raw"].to_string().contains("house"));
}

#[test]
fn defect_11_config_get_shows_a_tenant_nothing_of_the_operators() {
    let daemon = Daemon::start_with(
        "gateway: {control_plane_token: operators-own-token-0123456789}\nmodels:\n  providers:\n    - {id: stub, kind: scripted, api_key: sk-operators-key}\n",
    );
    let operator = daemon.client("operators-own-token-0123456789");
    let token =
        operator.ok("tenants.create", json!({ "tenantId": "acme" }))["token"].as_str().expect("token").to_owned();
    for client in [&daemon.client(&token), &operator] {
        let config = client.ok("config.get", json!({})).to_string();
        assert!(!config.contains("operators-own-token") && !config.contains("sk-operators-key"), "{config}");
    }
    let tenants = daemon.client(&token).ok("config.get", json!({}))["config"].clone();
    for key in ["gateway", "models", "billing", "quotas", "backup"] {
        assert_eq!(tenants.get(key), None, "{key} is the operator's: {tenants}");
    }
}

#[test]
fn defect_12_guessing_ends_at_the_failed_auth_limiter_and_a_valid_token_passes() {
    let daemon = Daemon::start_with("gateway:\n  limits:\n    failed_auth: {exempt_loopback: false, attempts: 3}\n");
    let tenant = daemon.tenant("acme");
    let guess = || daemon.client("tk_acme_0").respond("health", &json!({})).status;
    assert_eq!([guess(), guess(), guess(), guess()], [401, 401, 401, 429]);
    tenant.done("health", json!({}));
}

#[test]
fn defect_13_a_tenants_own_id_is_the_default() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for method in ["tenants.get", "tenants.usage", "tenants.quota.status"] {
        assert_eq!(tenant.ok(method, json!({}))["tenantId"], "acme", "{method}");
    }
    assert_eq!(daemon.operator().err("tenants.get", json!({})).code, -32602);
}

#[test]
fn defect_16_voicewake_changed_reaches_the_tenant() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    socket.subscribe(None);
    socket.call("voicewake.set", json!({ "triggers": ["x"] })).expect("set");
    assert_eq!(socket.event_named("voicewake.changed").payload, json!({ "triggers": ["x"] }));
}

#[test]
fn defect_17_the_size_of_a_directory_is_measured_without_a_shell() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let folder = daemon.home().tenant("acme").join("agents/main");
    fs::create_dir_all(&folder).expect("a folder");
    for name in ["$(touch pwned)", "; touch pwned", "`touch pwned`", "a\nb", "-rf"] {
        fs::write(folder.join(name), vec![0; 10_000]).expect("a file");
    }
    let usage = tenant.ok("tenants.usage", json!({ "refreshDisk": true }));
    assert!(usage["diskUsageBytes"].as_u64().is_some_and(|bytes| bytes >= 50_000), "{usage}");
    assert!(!daemon.home().files().iter().any(|path| path.ends_with("pwned")));
}

#[test]
fn defect_18_operator_tokens_of_any_length_are_refused_alike() {
    let daemon = Daemon::start();
    let good = daemon.operator_token();
    let refusals: Vec<Value> = ["x", &good[..good.len() - 1], &format!("{good}x"), &"0".repeat(good.len())]
        .into_iter()
        .map(|token| {
            let response = daemon.client(token).respond("tenants.list", &json!({}));
            assert_eq!(response.status, 401, "{token}");
            response.json()["error"]["message"].clone()
        })
        .collect();
    assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]), "{refusals:?}");
}

#[test]
fn defect_19_an_unreadable_registry_stops_the_start_and_is_kept() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let home = daemon.into_home();
    let path = home.path().join("control.db");
    for name in ["control.db-wal", "control.db-shm"] {
        let _ = fs::remove_file(home.path().join(name));
    }
    let garbage = b"this is no database".repeat(500);
    fs::write(&path, &garbage).expect("a damaged database");
    let failed = Daemon::start_on(home).expect_err("it started");
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.log.contains("control.db"), "{failed}");
    assert_eq!(fs::read(&path).expect("the file"), garbage, "the file was touched");
}

#[test]
fn defect_20_a_valid_request_does_not_rewrite_the_registry() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify");
    let changes = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, daemon.home().path(), changes).expect("a watch");
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut seen = inotify::Reader::new(&watch, &mut buffer);
    // Whether a file of the state directory was written since it was asked last; the log is.
    let mut was_written = || {
        let mut written = false;
        while let Ok(event) = seen.next() {
            written |= event.file_name().is_some_and(|name| name != c"gateway.log");
        }
        written
    };
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "displayName": "Acme" }));
    assert!(was_written(), "the watch sees a registry that is written");
    let written = (0..200)
        .filter(|_| {
            tenant.done("health", json!({}));
            was_written()
        })
        .count();
    // What is counted and when a tenant was last seen is written every second, whatever comes in it.
    assert!(written < 100, "{written} of 200 requests had the registry written");
}

#[test]
fn defect_21_a_malformed_overlay_is_told() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let path = daemon.home().tenant("a").join("config.yaml");
    fs::write(&path, "ui: {theme: [dark\n").expect("a malformed overlay");
    let config = a.ok("config.get", json!({}));
    assert_eq!(config["valid"], false, "{config}");
    assert!(config["issues"].as_array().is_some_and(|issues| !issues.is_empty()), "{config}");
    for method in ["agents.list", "health", "sessions.list"] {
        let error = a.err(method, json!({}));
        assert!(error.message.contains("config"), "{method}: {error}");
    }
    b.done("agents.list", json!({}));
    assert_eq!(fs::read_to_string(&path).expect("the file"), "ui: {theme: [dark\n", "the file was touched");
    a.done("config.set", json!({ "raw": "ui: {theme: dark}\n" }));
    a.done("agents.list", json!({}));
}

#[test]
fn defect_12_usage_counts_every_one_of_many_requests_at_once() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| tenant.done("health", json!({}))));
        }
    });
    let usage = daemon.operator().ok("tenants.usage", json!({ "tenantId": "acme" }));
    assert_eq!(usage["totalRequests"], 200);
}
