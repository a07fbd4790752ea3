//! `tenants.rotate`: a new token; the old one ends at once.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.rotate", |_| json!({}));
}

#[test]
fn the_old_token_is_refused_on_the_next_request() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let rotated = tenant.ok("tenants.rotate", json!({}));
    has_fields(&rotated, "tenantId token");
    let token = rotated["token"].as_str().expect("token");
    let secret = token.strip_prefix("tk_acme_").unwrap_or_else(|| panic!("{token}"));
    assert!(secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
    daemon.client(token).done("health", json!({}));
}

#[test]
fn live_sockets_of_the_old_token_are_closed() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let (mut socket, mut others) = (tenant.socket(), other.socket());
    tenant.done("tenants.rotate", json!({}));
    assert_eq!(socket.closed(), Some(1008));
    others.call("health", json!({})).expect("another tenant's socket stays");
}

#[test]
fn the_socket_that_rotates_reads_the_new_token_before_it_is_closed() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut socket = tenant.socket();
    let rotated = socket.call("tenants.rotate", json!({})).expect("the answer");
    assert_eq!(socket.closed(), Some(1008));
    daemon.client(rotated["token"].as_str().expect("token")).done("health", json!({}));
}

#[test]
fn the_operator_rotates_anyones_and_the_audit_log_says_so() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let rotated = daemon.operator().ok("tenants.rotate", json!({ "tenantId": "acme" }));
    assert_eq!(tenant.respond("health", &json!({})).status, 401);
    let token = rotated["token"].as_str().expect("token");
    let lines = daemon.home().audit();
    assert!(
        lines
            .iter()
            .any(|line| line["tenant"] == "acme"
                && line["action"].as_str().is_some_and(|action| action.contains("rotate"))),
        "{lines:?}"
    );
    assert_eq!(daemon.home().files_with(token), Vec::<std::path::PathBuf>::new(), "a token is on the disk");
}
