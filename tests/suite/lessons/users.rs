//! What users of OpenClaw report, by the row's number.

use std::{fs, os::unix::fs::PermissionsExt, thread};

use rustix::fs::inotify;

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
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let failed =
            Daemon::start_as(Home::warm(), |command| command.args(["--listen", address])).expect_err("it started");
        assert_eq!(failed.code, Some(8), "{address}: {failed}");
        assert!(failed.log.contains("allow_plaintext_remote"), "{address}: {failed}");
        let home = Home::with_config(&format!("gateway: {{listen: '{address}'}}\n"));
        let failed = Daemon::start_as(home, |command| command).expect_err("it started");
        assert_eq!(failed.code, Some(8), "{address}: {failed}");
        assert!(failed.log.contains("allow_plaintext_remote"), "{address}: {failed}");
    }
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
    let failed = Daemon::start_on(home).expect_err("it started");
    assert_eq!(failed.code, Some(1), "a damaged state directory: {failed}");
    assert!(failed.log.contains("control-plane.token"), "{failed}");
    let kept = fs::read(failed.home.path().join("control-plane.token")).expect("the file");
    assert_eq!(kept, b"\n", "the file was touched");
    // As a container is given it whose secret is missing.
    let failed = Daemon::start_as(Home::warm(), |command| {
        command.env("OPENCLAW_GATEWAY_CONTROL_PLANE_TOKEN", "").args(["--listen", "127.0.0.1:0"])
    })
    .expect_err("it started");
    assert_eq!(failed.code, Some(8), "{failed}");
    assert!(failed.log.contains("OPENCLAW_GATEWAY_CONTROL_PLANE_TOKEN"), "{failed}");
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
    let calls = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..count / 4).for_each(|_| tenant.done("sessions.list", json!({}))));
            }
        });
    };
    calls(1000);
    let before = daemon.memory_kib("VmRSS");
    calls(3000);
    let after = daemon.memory_kib("VmRSS");
    assert!(after < before + 32 * 1024, "{before} kB before and {after} kB after 3,000 calls");
}

#[test]
fn users_12_the_start_does_not_touch_the_tenants() {
    let daemon = Daemon::start();
    for n in 0..50 {
        let _ = daemon.tenant(&format!("t{n}"));
    }
    let mut daemon = daemon;
    assert!(daemon.terminate().success());
    let home = daemon.into_home();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify");
    for n in 0..50 {
        let all = inotify::WatchFlags::ALL_EVENTS;
        inotify::add_watch(&watch, home.tenant(&format!("t{n}")), all).expect("a watch");
    }
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut seen = inotify::Reader::new(&watch, &mut buffer);
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(daemon.operator().ok("tenants.list", json!({}))["tenants"].as_array().map(Vec::len), Some(50));
    assert_eq!(seen.next().err(), Some(rustix::io::Errno::AGAIN), "a tenant is opened when it is first served");
    daemon.operator_for("t7").done("voicewake.get", json!({}));
    assert!(seen.next().is_ok(), "the watch sees a tenant that is served");
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
    assert!(history.contains("line 5") && history.contains("line 4") && !history.contains("line 3"), "{history}");
    tenant.done("sessions.reset", json!({ "key": key }));
    tenant.done("chat.inject", json!({ "sessionKey": key, "message": "anew" }));
    let daemon = daemon.restarted();
    let tenant = daemon.client(tenant.token());
    let history = tenant.ok("chat.history", json!({ "sessionKey": key })).to_string();
    assert!(history.contains("anew") && !history.contains("line"), "{history}");

    // Nothing that was said is gone: the whole transcript before the compaction, and the one before the reset.
    let archives = archives_of(daemon, "acme");
    let holds = |reason: &str, lines: &[u32]| {
        let [(_, text)] = archives.iter().filter(|(of, _)| of == reason).collect::<Vec<_>>()[..] else {
            panic!("one archive for {reason} in {archives:?}")
        };
        (0..6).all(|n| text.contains(&format!("line {n}")) == lines.contains(&n))
    };
    assert!(holds("bak", &[0, 1, 2, 3, 4, 5]), "{archives:?}");
    assert!(holds("reset", &[4, 5]), "{archives:?}");
}

/// `(reason, all its lines)` of what the family `sessions` has archived of a tenant.
fn archives_of(mut daemon: Daemon, tenant: &str) -> Vec<(String, String)> {
    assert!(daemon.terminate().success());
    let path = daemon.home().tenant(tenant).join("sessions/state.db");
    let database = rusqlite::Connection::open(&path).expect("the family's database");
    let mut archives = database.prepare("SELECT value FROM documents WHERE collection = 'archives'").expect("a query");
    let mut lines = database.prepare("SELECT value FROM logs WHERE log = ?1 ORDER BY sequence").expect("a query");
    let archives = archives.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("archives");
    let archives = archives.map(|archive| {
        let archive: Value = serde_json::from_slice(&archive.expect("an archive")).expect("JSON");
        let text = |name: &str| archive[name].as_str().expect(name).to_owned();
        let lines = lines.query_map([text("log")], |row| row.get::<_, Vec<u8>>(0)).expect("lines");
        let lines: Vec<String> = lines.map(|line| String::from_utf8(line.expect("a line")).expect("text")).collect();
        (text("reason"), lines.join("\n"))
    });
    archives.collect()
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
