//! What users of OpenClaw report, by the row's number.

use std::{fs, os::unix::fs::PermissionsExt, thread};

use crate::contract::*;

/// Starts with this configuration; answers what was said when it did not.
fn refused(config: &str) -> String {
    let failed =
        Daemon::start_on(Home::with_config(config)).err().unwrap_or_else(|| panic!("it started with {config}"));
    assert_eq!(failed.code, Some(8), "{failed}");
    failed.log
}

#[test]
fn users_1_an_exposed_gateway_does_not_start() {
    let failed =
        Daemon::start_as(Home::warm(), |command| command.args(["--listen", "0.0.0.0:0"])).expect_err("it started");
    assert_eq!(failed.code, Some(8), "{failed}");
    assert!(failed.log.contains("allow_plaintext_remote"), "{failed}");
}

#[test]
fn users_1_an_empty_token_is_an_error_and_not_no_authentication() {
    for token in ["''", "' '"] {
        let log = refused(&format!("gateway: {{control_plane_token: {token}}}\n"));
        assert!(log.contains("control_plane_token"), "{log}");
    }
    let home = Home::warm();
    fs::write(home.path().join("control-plane.token"), "\n").expect("an empty token");
    fs::set_permissions(home.path().join("control-plane.token"), fs::Permissions::from_mode(0o600)).expect("its mode");
    match Daemon::start_on(home) {
        Err(failed) => assert!(failed.log.contains("control-plane.token"), "{failed}"),
        Ok(daemon) => {
            assert_eq!(daemon.client("").respond("tenants.list", &json!({})).status, 401);
            assert!(daemon.operator_token().len() >= 32, "an empty token was kept");
        }
    }
}

#[test]
fn users_3_a_foreign_site_opens_no_websocket_on_loopback_either() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for origin in ["https://evil.example", "http://127.0.0.1:1", "null"] {
        let header = ("Origin".to_owned(), origin.to_owned());
        assert!(openclaw_tests::Socket::open(daemon.address(), tenant.token(), &[header]).is_err(), "{origin}");
    }
}

#[test]
fn users_4_asking_for_more_scopes_gives_none() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let asking = tenant.with_scopes("read,write,admin,operator.admin");
    assert_eq!(asking.err("tenants.create", json!({ "tenantId": "x" })).code, -32601);
    assert_eq!(tenant.with_scopes("admin").err("health", json!({})).code, -32003);
    assert_eq!(tenant.with_scopes("none").err("health", json!({})).code, -32003);
    tenant.with_scopes("write").done("health", json!({}));
}

#[test]
fn users_8_secrets_are_redacted_by_type_wherever_they_stand() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let raw = json!({
        "skills": { "entries": { "weather": { "apiKey": "sk-secret-one", "env": { "WEATHER_KEY": "sk-secret-two" } } } },
        "channels": { "telegram": { "botToken": "123:sk-secret-three" } },
    });
    tenant.done("config.set", json!({ "raw": raw.to_string() }));
    let told = tenant.ok("config.get", json!({})).to_string();
    for secret in ["sk-secret-one", "sk-secret-two", "sk-secret-three"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    // Writing back what was read loses no secret.
    let redacted = tenant.ok("config.get", json!({}))["raw"].as_str().expect("raw").to_owned();
    let again = tenant.ok("config.set", json!({ "raw": redacted }));
    assert_eq!(again["hash"], tenant.ok("config.get", json!({}))["hash"]);
}

#[test]
fn users_9_a_peers_sessions_are_its_own() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for peer in ["anna", "ben"] {
        tenant.done("sessions.create", json!({ "key": format!("agent:main:direct:{peer}") }));
        tenant.done(
            "chat.inject",
            json!({ "sessionKey": format!("agent:main:direct:{peer}"), "message": format!("for {peer}") }),
        );
    }
    let history = tenant.ok("chat.history", json!({ "sessionKey": "agent:main:direct:anna" })).to_string();
    assert!(history.contains("for anna") && !history.contains("for ben"), "{history}");
}

#[test]
fn users_11_memory_does_not_grow_with_the_calls() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let calls = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..count / 4).for_each(|_| tenant.done("sessions.list", json!({}))));
            }
        });
    };
    calls(1000);
    let before = resident();
    calls(3000);
    let after = resident();
    assert!(after < before + 32 * 1024, "{before} kB before and {after} kB after 3,000 calls");
}

#[test]
fn users_12_the_start_does_not_touch_the_tenants() {
    let daemon = Daemon::start();
    for n in 0..50 {
        let _ = daemon.tenant(&format!("t{n}"));
    }
    let daemon = daemon.restarted();
    let open: Vec<_> = fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .expect("its files")
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter(|path| path.to_string_lossy().contains("/tenants/t"))
        .collect();
    assert_eq!(open, Vec::<std::path::PathBuf>::new(), "a tenant is opened when it is first served");
}

/// A count of work instead of a time: bytes that are read to answer a page must not grow with the transcripts.
#[test]
fn users_13_a_session_list_reads_no_transcript() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let read_for_a_list = || {
        let counter = || {
            let io = fs::read_to_string(format!("/proc/{}/io", daemon.pid())).expect("its counters");
            io.lines()
                .find_map(|line| line.strip_prefix("rchar: "))
                .and_then(|line| line.parse::<u64>().ok())
                .expect("rchar")
        };
        let before = counter();
        let list = tenant.ok("sessions.list", json!({ "limit": 5 }));
        assert_eq!(list["sessions"].as_array().map(Vec::len), Some(5));
        counter() - before
    };
    for n in 0..20 {
        tenant.done("sessions.create", json!({ "key": format!("agent:main:direct:{n}") }));
    }
    let _ = read_for_a_list();
    let before = read_for_a_list();
    for n in 0..20 {
        tenant.done(
            "chat.inject",
            json!({ "sessionKey": format!("agent:main:direct:{n}"), "message": "x".repeat(200_000) }),
        );
    }
    let after = read_for_a_list();
    assert!(after < before + 500_000, "{before} bytes read before and {after} after 4 MB of transcripts");
}

#[test]
fn users_13_rows_hold_nothing_bulky() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1", "task": "x".repeat(50_000), "cwd": "/work" }));
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "x".repeat(50_000) }));
    let list = tenant.ok("sessions.list", json!({})).to_string();
    assert!(list.len() < 2000, "{} bytes for one session", list.len());
}

#[test]
fn users_19_history_survives_restarts_resets_and_compaction_as_archives() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    for n in 0..6 {
        tenant.done("chat.inject", json!({ "sessionKey": key, "message": format!("line {n}") }));
    }
    tenant.done("sessions.compact", json!({ "key": key, "maxLines": 3 }));
    let daemon = daemon.restarted();
    let tenant = daemon.client(tenant.token());
    let history = tenant.ok("chat.history", json!({ "sessionKey": key })).to_string();
    assert!(history.contains("line 5"), "{history}");
    tenant.done("sessions.reset", json!({ "key": key }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "anew" }));
    assert!(tenant.ok("chat.history", json!({ "sessionKey": key })).to_string().contains("anew"));
}

#[test]
fn users_20_a_refused_configuration_leaves_the_file_as_it_was() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "# by hand\nui: {theme: dark}\n" }));
    let path = daemon.home().tenant("acme").join("config.yaml");
    let before = fs::read(&path).expect("the overlay");
    for raw in ["", "ui: [", "gateway: {}\nmodels: {default: x}\n", "\u{0}", "- a\n- b\n", "a: &a [*a]\n"] {
        let _ = tenant.call("config.patch", json!({ "raw": raw }));
        let _ = tenant.call("config.set", json!({ "raw": raw, "baseHash": "stale" }));
    }
    assert_eq!(fs::read(&path).expect("the overlay"), before);
}
