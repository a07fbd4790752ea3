//! `components.list`: what serves a tenant, and what is kept.

use crate::{components, contract::*};

#[test]
fn keeps_the_contract() {
    contract("components.list", |_| json!({}));
}

#[test]
fn tells_of_what_came_with_the_gateway_and_of_what_was_installed() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    components::install(&daemon.operator_for("a"), "ok00001");
    a.done("swap.version", json!({}));
    let list = a.ok("components.list", json!({}));
    assert_eq!(
        pluck(&list["components"], "family"),
        ["agents", "chat", "config", "exec", "health", "memory", "sandbox", "sessions", "swap", "tenants", "terminal", "voicewake"]
    );
    for row in list["components"].as_array().expect("components") {
        has_fields(
            row,
            "family name version digest source state methods capabilities grants? calls? errors? p50Us? p99Us?",
        );
        let own = row["family"] == "swap";
        assert_eq!((row["source"] == "tenant", row["calls"] == 1), (own, own), "others' calls are not shown: {row}");
        assert!(row["methods"].as_array().is_some_and(|methods| !methods.is_empty()), "{row}");
    }
    let operator = daemon.operator().ok("components.list", json!({}));
    assert!(operator["components"].as_array().expect("components").iter().all(|row| row["calls"].is_u64()));
}
