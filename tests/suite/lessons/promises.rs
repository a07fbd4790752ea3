//! What the original promises and its code does not keep.

use std::path::PathBuf;

use crate::contract::*;

#[test]
fn promise_only_the_tokens_hash_is_at_rest() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    let _ = daemon.client(&format!("{}0", tenant.token())).respond("health", &json!({}));
    let secret = tenant.token().rsplit('_').next().expect("the secret part").to_owned();
    assert_eq!(secret.len(), 32, "128 bits in hex");
    assert_eq!(daemon.home().files_with(&secret), Vec::<PathBuf>::new(), "a tenant's token is on the disk");
    assert_eq!(daemon.home().files_with(daemon.operator_token()), [PathBuf::from("control-plane.token")]);
    assert!(!daemon.log().contains(&secret) && !daemon.log().contains(daemon.operator_token()));
}

#[test]
fn promise_rotation_takes_effect_at_once() {
    let daemon = Daemon::start();
    for ending in ["rotate", "disable", "delete"] {
        let tenant = daemon.tenant(ending);
        let mut socket = tenant.socket();
        match ending {
            "rotate" => daemon.operator().done("tenants.rotate", json!({ "tenantId": ending })),
            "disable" => daemon.operator().done("tenants.update", json!({ "tenantId": ending, "disabled": true })),
            _ => daemon.operator().done("tenants.delete", json!({ "tenantId": ending, "confirm": true })),
        }
        let status = tenant.respond("health", &json!({})).status;
        assert_eq!(status, if ending == "disable" { 403 } else { 401 }, "{ending}");
        assert_eq!(socket.closed(), Some(1008), "{ending}");
    }
}

#[test]
fn promise_rotation_by_the_command_line_beside_the_daemon_does_too() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    let rotated = daemon.cli(&["tenants", "token", "rotate", "acme", "--quiet"]).exited(0);
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
    assert_eq!(socket.closed(), Some(1008));
    daemon.client(rotated.stdout.trim()).done("health", json!({}));
}

#[test]
fn promise_quotas_are_enforced_at_the_request_boundary() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon
        .operator()
        .done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "requests_per_minute": 1 } }));
    tenant.done("voicewake.set", json!({ "triggers": ["before"] }));
    assert_eq!(tenant.respond("voicewake.set", &json!({ "triggers": ["after"] })).status, 429);
    let words = daemon.operator_for("acme").ok("voicewake.get", json!({}));
    assert_eq!(words["triggers"], json!(["before"]), "the refused call ran");
}

#[test]
fn promise_each_event_appends_one_audit_line_that_outlives_the_tenant() {
    let daemon = Daemon::start();
    let operator = daemon.operator();
    let tenant = daemon.tenant("acme");
    tenant.done("config.set", json!({ "raw": "ui: {theme: dark}\n" }));
    operator.done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "requests_per_minute": 100 } }));
    operator.done("tenants.update", json!({ "tenantId": "acme", "disabled": true }));
    operator.done("tenants.update", json!({ "tenantId": "acme", "disabled": false }));
    operator.done("tenants.rotate", json!({ "tenantId": "acme" }));
    operator.done("tenants.delete", json!({ "tenantId": "acme", "confirm": true }));
    let lines = daemon.home().audit();
    let actions: Vec<&str> =
        lines.iter().filter(|line| line["tenant"] == "acme").filter_map(|line| line["action"].as_str()).collect();
    for word in ["create", "config", "quota", "disable", "enable", "rotate", "delete"] {
        assert_eq!(actions.iter().filter(|action| action.contains(word)).count(), 1, "{word} in {actions:?}");
    }
    assert_eq!(actions.len(), 7, "{actions:?}");
    openclaw_tenancy::Audit::verify(&daemon.home().path().join("audit.jsonl"))
        .unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn promise_a_changed_audit_line_shows() {
    let daemon = Daemon::start();
    let _tenants = (daemon.tenant("a"), daemon.tenant("b"), daemon.tenant("c"));
    let home = daemon.into_home();
    let path = home.path().join("audit.jsonl");
    let text = std::fs::read_to_string(&path).expect("the log");
    std::fs::write(&path, text.replacen("\"tenant\":\"b\"", "\"tenant\":\"x\"", 1)).expect("a forged log");
    let doctor = home.cli(&["doctor", "--json"]);
    assert_eq!(doctor.code, 1, "{doctor:?}");
    let checks = doctor.json();
    let audit = checks["checks"]
        .as_array()
        .and_then(|all| all.iter().find(|check| check["check"] == "audit"))
        .cloned()
        .unwrap_or_default();
    assert_eq!(audit["status"], "fail", "{checks}");
    assert!(audit["message"].as_str().is_some_and(|message| message.contains("line 2")), "{audit}");
}

#[test]
fn promise_delete_wipes_everything_but_the_audit_log() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    canary::plant(&daemon, &tenant, MARK);
    tenant.done("tenants.delete", json!({ "confirm": true }));
    assert!(!daemon.home().tenant("acme").exists());
    assert_eq!(left(&daemon), Vec::<PathBuf>::new(), "what the tenant had is on the disk beside the daemon");
    let mut daemon = daemon.restarted();
    assert_eq!(daemon.client(tenant.token()).respond("health", &json!({})).status, 401);
    assert_eq!(daemon.operator().ok("tenants.list", json!({}))["tenants"], json!([]));
    let of_acme = daemon.home().audit().into_iter().filter(|line| line["tenant"] == "acme").collect();
    let actions = pluck(&Value::Array(of_acme), "action");
    for word in ["create", "delete"] {
        assert_eq!(actions.iter().filter(|action| action.contains(word)).count(), 1, "{word} in {actions:?}");
    }
    assert!(daemon.terminate().success());
    assert_eq!(left(&daemon), Vec::<PathBuf>::new(), "what the tenant had is on the disk still");
    assert_eq!(rows_with(&daemon.home().path().join("control.db"), "acme"), Vec::<String>::new());
}

/// Where the mark is but in the logs: sessions, files, settings, and the name in control.db and its -wal.
fn left(daemon: &Daemon) -> Vec<PathBuf> {
    let logs = ["audit.jsonl", "gateway.log"].map(PathBuf::from);
    daemon.home().files_with(MARK).into_iter().filter(|path| !logs.contains(path)).collect()
}

/// The tables that have a row in which this text stands.
fn rows_with(database: &std::path::Path, text: &str) -> Vec<String> {
    use rusqlite::types::Value as Cell;
    let database = rusqlite::Connection::open(database).expect("control.db");
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("a query");
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("names");
    assert!(tables.len() > 2, "{tables:?}");
    let holds = |table: &String| {
        let mut rows = database.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = rows.column_count();
        let found =
            rows.query_map([], |row| (0..columns).map(|column| row.get::<_, Cell>(column)).collect()).expect("rows");
        found.flat_map(|row: Result<Vec<Cell>, _>| row.expect("a row")).any(|cell| match cell {
            Cell::Text(cell) => cell.contains(text),
            Cell::Blob(cell) => String::from_utf8_lossy(&cell).contains(text),
            _ => false,
        })
    };
    tables.into_iter().filter(holds).collect()
}

#[test]
fn promise_every_path_in_a_result_is_relative() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for (method, field) in [("sessions.list", "path"), ("config.get", "path"), ("tenants.get", "stateDir")] {
        let path = tenant.ok(method, json!({}))[field].as_str().map(str::to_owned).expect(field);
        assert!(!path.starts_with('/') && !path.contains(".."), "{method}: {path}");
    }
}
