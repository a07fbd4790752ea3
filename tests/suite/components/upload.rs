//! Components that are too large for a JSON body.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_tests::{Request, Response};

use crate::contract::*;

use super::{GRANTS, answers, install, padded, swap};

const LARGE: usize = 12 << 20;

fn upload(daemon: &Daemon, token: &str, wasm: &[u8]) -> Response {
    daemon.send(&Request::new("POST", "/v1/uploads").token(token).body(wasm))
}

fn put(daemon: &Daemon, family: &str, wasm: &[u8], headers: &[(&str, &str)]) -> Response {
    let request = Request::new("PUT", &format!("/v1/tenants/a/components/{family}"))
        .token(daemon.operator_token())
        .header("X-OpenClaw-Grants", &GRANTS.join(", "))
        .body(wasm);
    daemon.send(&headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

/// What waits in a tenant's directory.
fn waiting(daemon: &Daemon) -> usize {
    let uploads = daemon.home().tenant("a").join("plugins/components/uploads");
    fs::read_dir(uploads).map(Iterator::count).unwrap_or_default()
}

#[test]
fn a_tenant_uploads_a_large_component_and_installs_it() {
    let daemon =
        Daemon::start_with("components: {self_service: true, grants: {swap: [config, \"secret:key:reveal\"]}}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let uploaded = upload(&daemon, a.token(), &padded(swap("ok00001"), LARGE));
    assert_eq!(uploaded.status, 201, "{}", uploaded.text());
    let uploaded = uploaded.json();
    assert!(uploaded["sizeBytes"].as_u64().is_some_and(|bytes| bytes > LARGE as u64), "{uploaded}");
    let params = json!({ "uploadId": uploaded["uploadId"] });
    let error = b.err("components.install", params.clone());
    assert_eq!(error.name(), "NOT_FOUND", "it is a's: {error}");
    let row = a.ok("components.install", params.clone());
    assert_eq!(row["digest"], uploaded["sha256"]);
    assert_eq!(answers(&a), "ok00001");
    assert_eq!((waiting(&daemon), a.err("components.install", params).name()), (0, "NOT_FOUND"), "it has served");
}

#[test]
fn an_upload_counts_for_its_tenants_disk() {
    let daemon = Daemon::start();
    let a = daemon.tenant_with(json!({ "tenantId": "a", "quotas": { "disk_bytes": 4 << 20 } }));
    let refused = upload(&daemon, a.token(), &vec![0; 6 << 20]);
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let taken = upload(&daemon, a.token(), &vec![0; 2 << 20]);
    assert_eq!(taken.status, 201, "what was refused takes no room: {}", taken.text());
}

/// A line of `/metrics`: its value, and 0 where there is none.
fn counted(daemon: &Daemon, sample: &str) -> u64 {
    let metrics = daemon.send(&Request::get("/metrics").token(daemon.operator_token())).text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
    value.unwrap_or_default()
}

#[test]
fn an_upload_is_counted_by_how_it_ended_and_logged_with_its_request_id() {
    let daemon = Daemon::start_with("telemetry: {log: {level: debug}}\n");
    let a = daemon.tenant_with(json!({ "tenantId": "a", "quotas": { "disk_bytes": 4 << 20 } }));
    let calls = |outcome: &str| format!(r#"openclaw_calls_total{{family="gateway",outcome="{outcome}"}}"#);
    let unread = |status: u16| format!(r#"openclaw_refused_unread_total{{status="{status}"}}"#);
    let before = counted(&daemon, &calls("ok"));

    let post = |id: &str| Request::new("POST", "/v1/uploads").token(a.token()).header("X-Request-Id", id);
    let reader = post("reads").header("X-OpenClaw-Scopes", "read").body(*b"x");
    assert_eq!(daemon.send(&reader).status, 403);
    assert_eq!(daemon.send(&post("fits").body(*b"x")).status, 201);
    let refused = daemon.send(&post("is-large").body(vec![0; 6 << 20]));
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("QUOTA_EXCEEDED")));
    let other = format!("\"sha256:{}\"", "0".repeat(64));
    assert_eq!(put(&daemon, "swap", &swap("ok00001"), &[("If-Match", &other)]).status, 412);

    assert_eq!(counted(&daemon, &calls("ok")), before + 1);
    assert_eq!(counted(&daemon, &calls("QUOTA_EXCEEDED")), 1);
    assert_eq!(counted(&daemon, &calls("CONFLICT")), 1);
    for (status, times) in [(403, 1), (429, 0), (412, 0), (200, 0)] {
        assert_eq!(counted(&daemon, &unread(status)), times, "{status}");
    }
    for (id, said) in [("reads", "refused unread"), ("fits", "answered"), ("is-large", "refused")] {
        let log = daemon.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
        assert!(matches!(lines[..], [line] if line.contains(said)), "{id}: {lines:?}");
    }
}

#[test]
fn a_header_of_an_upload_that_comes_twice_is_refused() {
    let daemon = Daemon::start();
    let _a = daemon.tenant("a");
    let wasm = swap("ok00001");
    for name in ["If-None-Match", "X-OpenClaw-Grants", "X-OpenClaw-Signature", "X-OpenClaw-Canary-Percent"] {
        let values = format!("*\r\n{name}: *");
        let twice = put(&daemon, "swap", &wasm, &[("If-None-Match", "*"), (name, &values)]);
        assert_eq!(twice.status, 400, "{name}: {}", twice.text());
    }
}

#[test]
fn so_many_uploads_wait_and_no_more() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let statuses: Vec<u16> = (0..9_u8).map(|n| upload(&daemon, a.token(), &[n]).status).collect();
    assert_eq!(statuses, [201, 201, 201, 201, 201, 201, 201, 201, 409]);
    let reader = Request::new("POST", "/v1/uploads").token(a.token()).header("X-OpenClaw-Scopes", "read").body(*b"x");
    let refused = daemon.send(&reader);
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("FORBIDDEN")));
    assert_eq!(daemon.send(&Request::new("POST", "/v1/uploads").body(*b"x")).status, 401);
}

#[test]
fn the_control_plane_puts_a_component_in_the_place_of_the_one_it_names() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let first = padded(swap("ok00001"), LARGE);
    let blind = put(&daemon, "swap", &first, &[]);
    assert_eq!((blind.status, blind.header("content-type")), (428, Some("application/problem+json")));
    assert_eq!(put(&daemon, "swap", &first, &[("If-Match", "*")]).status, 412, "there is none");
    let made = put(&daemon, "swap", &first, &[("If-None-Match", "*")]);
    assert_eq!(made.status, 201, "{}", made.text());
    let tag = made.header("etag").expect("an ETag").to_owned();
    assert_eq!(made.json()["digest"], tag.trim_matches('"'));
    assert_eq!(answers(&a), "ok00001");

    let second = swap("ok00002");
    assert_eq!(put(&daemon, "swap", &second, &[("If-None-Match", "*")]).status, 412);
    let other = format!("\"sha256:{}\"", "0".repeat(64));
    assert_eq!(put(&daemon, "swap", &second, &[("If-Match", &other)]).status, 412);
    let damaged = format!("sha-256=:{}:", STANDARD.encode([0; 32]));
    assert_eq!(put(&daemon, "swap", &second, &[("If-Match", &tag), ("Content-Digest", &damaged)]).status, 422);
    assert_eq!(put(&daemon, "echo", &second, &[("If-None-Match", "*")]).status, 422, "it is another family");
    assert_eq!((answers(&a), waiting(&daemon)), ("ok00001".into(), 0), "nothing changed, nothing is left");

    assert_eq!(put(&daemon, "swap", &second, &[("If-Match", &tag)]).status, 200);
    assert_eq!(answers(&a), "ok00002");
}

#[test]
fn the_control_plane_takes_the_operators_token_in_a_header_of_its_own() {
    const TOKEN: &str = "X-Control-Plane-Token";
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let by = |token: &str| {
        let request = Request::new("PUT", "/v1/tenants/a/components/swap").header(TOKEN, token);
        request.header("X-OpenClaw-Grants", &GRANTS.join(", ")).header("If-Match", "*").body(swap("ok00002"))
    };
    install(&daemon.operator_for("a"), "ok00001");
    assert_eq!(daemon.send(&by("op_00000000000000000000000000000000")).status, 401);
    assert_eq!(daemon.send(&by(a.token())).status, 403, "it is the operator's");
    assert_eq!(daemon.send(&by(daemon.operator_token()).token(daemon.operator_token())).status, 400, "one token");
    assert_eq!(daemon.send(&by(daemon.operator_token())).status, 200);
    assert_eq!(answers(&a), "ok00002");
    let call = Request::rpc(r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).header(TOKEN, daemon.operator_token());
    assert_eq!(daemon.send(&call).status, 401, "of the control plane alone");
}

#[test]
fn a_tenants_token_does_not_open_the_control_plane() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let request = Request::new("PUT", "/v1/tenants/a/components/swap").token(a.token()).header("If-None-Match", "*");
    assert_eq!(daemon.send(&request.body(swap("ok00001"))).status, 403);
}

#[test]
fn the_command_line_installs_a_large_component_with_a_daemon_and_without() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    for version in ["ok00001", "ok00002"] {
        let file = daemon.home().path().join("large.wasm");
        fs::write(&file, padded(swap(version), LARGE)).expect("it is written");
        let file = file.to_str().expect("a path").to_owned();
        daemon.cli(&["components", "install", &file, "--tenant", "a", "--yes"]).succeeded();
        if daemon.is_running() {
            assert_eq!(answers(&a), version);
            daemon.terminate();
        }
    }
    let daemon = daemon.restarted();
    assert_eq!(answers(&daemon.client(a.token())), "ok00002");
}
