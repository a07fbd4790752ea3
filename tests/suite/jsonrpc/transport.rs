//! HTTP around the frames: what is refused before the body is read, and how.

use openclaw_tests::{Connection, Response};

use crate::contract::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"health"}"#;

fn stage() -> (Daemon, Tenant) {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    (daemon, tenant)
}

/// A refusal before dispatch: this status, and a JSON-RPC error in the body.
fn refused(response: &Response, status: u16, code: i64) {
    assert_eq!(response.status, status, "{}", response.text());
    let reply = response.json();
    assert_eq!(
        (&reply["jsonrpc"], &reply["id"], &reply["error"]["code"]),
        (&json!("2.0"), &Value::Null, &json!(code)),
        "{reply}"
    );
    assert!(reply["error"]["data"]["requestId"].is_string() && reply["error"]["data"]["code"].is_string(), "{reply}");
    assert_eq!(response.header("x-request-id"), reply["error"]["data"]["requestId"].as_str());
}

#[test]
fn a_reply_is_json_that_nobody_stores() {
    let (_daemon, tenant) = stage();
    let response = tenant.post(CALL);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[test]
fn without_a_good_token_401() {
    let (daemon, tenant) = stage();
    let other = format!("tk_acme_{}", "0".repeat(32));
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        &format!("Bearer {other}"),
        "Bearer tk_nobody_00000000000000000000000000000000",
        &format!("Token {}", tenant.token()),
    ] {
        let response = daemon.send(&Request::rpc(CALL).header("Authorization", authorization));
        refused(&response, 401, -32001);
        assert!(
            response.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")),
            "{authorization}"
        );
    }
    let same = |token: &str| daemon.send(&Request::rpc(CALL).token(token)).json()["error"]["message"].clone();
    assert_eq!(
        same(&other),
        same("tk_nobody_00000000000000000000000000000000"),
        "whether a tenant exists must not show"
    );
}

#[test]
fn a_token_in_the_url_is_no_token() {
    let (daemon, tenant) = stage();
    let request = Request::new("POST", &format!("/rpc?token={}", tenant.token()))
        .header("Content-Type", "application/json")
        .body(CALL);
    assert_eq!(daemon.send(&request).status, 401);
}

#[test]
fn another_content_type_415() {
    let (_daemon, tenant) = stage();
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"] {
        refused(
            &tenant.request(CALL).header("Content-Type", kind).send(tenant.address()).expect("an answer"),
            415,
            -32600,
        );
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"] {
        assert_eq!(
            tenant.request(CALL).header("Content-Type", kind).send(tenant.address()).expect("an answer").status,
            200,
            "{kind}"
        );
    }
}

#[test]
fn a_body_over_the_limit_413_even_to_a_client_that_sends_everything_first() {
    let (_daemon, tenant) = stage();
    let body = vec![b' '; 20 << 20];
    refused(&tenant.post(body.clone()), 413, -32600);
    // The same without a length announced.
    let mut chunked = Vec::new();
    for chunk in body.chunks(1 << 20) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    refused(
        &tenant.request(chunked).header("Transfer-Encoding", "chunked").send(tenant.address()).expect("an answer"),
        413,
        -32600,
    );
    let just_right = format!("{CALL}{}", " ".repeat((8 << 20) - CALL.len()));
    assert_eq!(tenant.post(just_right).status, 200);
}

/// What a library says of a mistake changes with its release, and tells which it is.
#[test]
fn what_is_wrong_is_told_in_our_own_words_with_the_place() {
    let (daemon, tenant) = stage();
    let said = |client: &Client, body: &str| {
        client.post(body).json()["error"]["message"].as_str().expect("a message").to_owned()
    };
    for (body, message) in [
        ("{\"jsonrpc\":", "the body is not JSON: it ends too early, at line 1 column 11"),
        ("nonsense", "the body is not JSON: a mistake at line 1 column 2"),
        ("{\"a\":1,\n \"a\":2}", "the body is not JSON: the key \"a\" appears twice at line 2 column 7"),
    ] {
        assert_eq!(said(&tenant, body), message, "{body}");
    }
    let quotas = json!({ "tenantId": "acme", "quotas": { "requests_per_minute": "lots" } });
    for (method, params) in [
        ("tenants.quota.update", quotas),
        ("components.install", json!({ "wasm": "not base64!" })),
        ("components.install", json!({ "wasm": "AGFzbQ==" })),
    ] {
        let error = daemon.operator().err(method, params);
        for word in ["invalid type", "expected u64", "Invalid symbol", "offset", "wasmparser", "0x"] {
            assert!(!error.message.contains(word), "{word:?} is a library's: {error}");
        }
    }
}

#[test]
fn a_refusal_reaches_a_client_without_a_token_that_sends_20_mib_first() {
    let (daemon, _tenant) = stage();
    refused(&daemon.send(&Request::rpc(vec![b' '; 20 << 20])), 401, -32001);
}

#[test]
fn the_bodys_limit_can_be_configured() {
    let daemon = Daemon::start_with("gateway:\n  limits: {body_bytes: 2048}\n");
    let tenant = daemon.tenant("acme");
    refused(&tenant.post(vec![b' '; 2049]), 413, -32600);
}

#[test]
fn a_foreign_host_or_origin_403_on_loopback_too() {
    let (daemon, tenant) = stage();
    let with =
        |name: &str, value: &str| tenant.request(CALL).header(name, value).send(tenant.address()).expect("an answer");
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"] {
        refused(&with("Host", host), 403, -32003);
    }
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://"] {
        refused(&with("Origin", origin), 403, -32003);
    }
    for host in ["localhost", "127.0.0.1", "[::1]", &format!("localhost:{}", daemon.address().port())] {
        assert_eq!(with("Host", host).status, 200, "{host}");
    }
    assert_eq!(with("Origin", &daemon.url()).status, 200);
}

#[test]
fn two_hosts_origins_or_tokens_400_whatever_they_say() {
    let (daemon, tenant) = stage();
    let (own, token, length) = (daemon.address(), tenant.token(), CALL.len());
    for twice in [
        format!("Host: {own}\r\nHost: {own}"),
        format!("Host: {own}\r\nHost: evil.example"),
        format!("Host: evil.example\r\nhost: {own}"),
        format!("Host: {own}\r\nOrigin: http://{own}\r\nOrigin: https://evil.example"),
        format!("Host: {own}\r\nAuthorization: Bearer tk_acme_x"),
    ] {
        let mut connection = Connection::open(own).expect("a connection");
        let head = format!(
            "POST /rpc HTTP/1.1\r\n{twice}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{CALL}"
        );
        connection.write(head.as_bytes()).expect("it is sent");
        refused(&connection.read(false).expect("an answer"), 400, -32600);
    }
}

#[test]
fn origins_and_hosts_can_be_allowed() {
    let daemon =
        Daemon::start_with("gateway:\n  allowed_origins: ['https://ui.example']\n  allowed_hosts: [gw.example]\n");
    let tenant = daemon.tenant("acme");
    let with = |name: &str, value: &str| {
        tenant.request(CALL).header(name, value).send(tenant.address()).expect("an answer").status
    };
    assert_eq!(with("Origin", "https://ui.example"), 200);
    assert_eq!(with("Origin", "https://ui.example.evil"), 403);
    assert_eq!(with("Host", "gw.example"), 200);
}

#[test]
fn a_request_id_that_is_harmless_is_kept() {
    let (_daemon, tenant) = stage();
    let answered = |id: &str| {
        let response = tenant.request(CALL).header("X-Request-Id", id).send(tenant.address()).expect("an answer");
        response.header("x-request-id").expect("one").to_owned()
    };
    assert_eq!(answered("my-id_1.2:3"), "my-id_1.2:3");
    for bad in ["a b", "x[31m", &"x".repeat(129), "<script>"] {
        assert_ne!(answered(bad), bad);
    }
}

#[test]
fn what_is_not_there_is_problem_json() {
    let (daemon, tenant) = stage();
    for path in ["/nothing", "/v2", "/rpc/"] {
        let response = daemon.send(&Request::get(path).token(tenant.token()));
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        let problem = response.json();
        assert_eq!(problem["status"], 404);
        assert_eq!(problem["request_id"].as_str(), response.header("x-request-id"), "{problem}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let response = daemon.send(&Request::new(method, "/rpc").token(tenant.token()));
        assert_eq!(response.status, 405, "{method}");
        assert!(
            response.header("allow").is_some_and(|allowed| allowed.contains("POST")),
            "{method}: {:?}",
            response.headers
        );
    }
}

#[test]
fn guessing_is_slowed_down_and_holds_up_nobody_who_has_a_token() {
    let daemon = Daemon::start_with("gateway:\n  limits:\n    failed_auth: {exempt_loopback: false}\n");
    let tenant = daemon.tenant("acme");
    let guess = |token: &str| daemon.send(&Request::rpc(CALL).token(token));
    for _ in 0..10 {
        assert_eq!(guess("tk_acme_00000000000000000000000000000000").status, 401);
    }
    for wrong in ["tk_acme_00000000000000000000000000000000", "tk_nobody_0", "nonsense", ""] {
        refused(&guess(wrong), 429, -32029);
    }
    assert_eq!(tenant.post(CALL).status, 200, "its neighbour guesses, behind the same proxy");
    daemon.operator().done("tenants.list", json!({}));
    let response = guess("nonsense");
    assert_eq!(response.json()["error"]["data"]["code"], "RATE_LIMITED");
    let wait: u64 = response.header("retry-after").and_then(|wait| wait.parse().ok()).expect("Retry-After");
    assert!((240..=300).contains(&wait), "{wait}");
}

#[test]
fn an_operators_token_that_could_be_guessed_waits_with_the_guesses() {
    let daemon = Daemon::start_with(
        "gateway:\n  control_plane_token: sesame\n  limits:\n    failed_auth: {exempt_loopback: false, attempts: 3}\n",
    );
    let try_one = |token: &str| daemon.send(&Request::rpc(CALL).token(token)).status;
    assert_eq!(try_one("sesame"), 200);
    assert_eq!(["open", "open", "open", "sesame", "open"].map(try_one), [401, 401, 401, 429, 429]);
    daemon.cli(&["tenants", "list"]).exited(0);
}

#[test]
fn loopback_is_exempt_from_that_by_default() {
    let (daemon, tenant) = stage();
    for _ in 0..30 {
        assert_eq!(daemon.send(&Request::rpc(CALL).token("tk_acme_0")).status, 401);
    }
    assert_eq!(tenant.post(CALL).status, 200);
}

#[test]
fn a_connection_is_kept_for_the_next_call() {
    let (daemon, tenant) = stage();
    let mut connection = Connection::open(daemon.address()).expect("a connection");
    for _ in 0..3 {
        assert_eq!(connection.send(&tenant.request(CALL)).expect("an answer").status, 200);
    }
    assert_eq!(connection.send(&Request::rpc(CALL)).expect("an answer").status, 401);
    assert_eq!(connection.send(&tenant.request(CALL)).expect("an answer").status, 200);
}
