//! Going back: by hand, and by itself.

use crate::contract::*;

use super::{GRANTS, answers, install, padded, params, states, swap};

#[test]
fn a_version_goes_back_to_the_one_before() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let first = install(&operator, "ok00001")["digest"].clone();
    let second = install(&operator, "ok00002");
    assert_eq!(second["previous"], first);
    let back = operator.ok("components.rollback", json!({ "family": "swap" }));
    assert_eq!((&back["active"], &back["previous"]), (&first, &second["digest"]));
    assert_eq!(answers(&a), "ok00001");
    let error = operator.err("components.rollback", json!({ "family": "swap" }));
    assert_eq!(error.name(), "CONFLICT", "nothing is below: {error}");
    operator.done("components.activate", json!({ "family": "swap", "digest": second["digest"] }));
    assert_eq!(answers(&a), "ok00002");
}

#[test]
fn two_versions_are_kept() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let installed: Vec<Value> = (1..=4).map(|n| install(&operator, &format!("ok0000{n}"))["digest"].clone()).collect();
    let kept: Vec<String> = states(&a, "swap").into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(json!(kept), json!([installed[3], installed[2], installed[1]]));
    let files = std::fs::read_dir(daemon.home().tenant("a").join("plugins/components")).expect("the files").count();
    assert_eq!(files, 3, "the oldest file is gone");
}

#[test]
fn a_version_that_is_removed_leaves_its_room_at_once() {
    let daemon = Daemon::start();
    let _a = daemon.tenant_with(json!({ "tenantId": "a", "quotas": { "disk_bytes": 6 << 20 } }));
    let operator = daemon.operator_for("a");
    let version = |name: &str| params(&padded(swap(name), 3 << 20), json!({ "grants": GRANTS }));
    operator.done("components.install", version("ok00001"));
    let error = operator.err("components.install", version("ok00002"));
    assert_eq!(error.name(), "QUOTA_EXCEEDED", "{error}");
    operator.done("components.remove", json!({ "family": "swap" }));
    operator.done("components.install", version("ok00002"));
}

#[test]
fn a_version_that_fails_call_after_call_is_rolled_back_by_itself() {
    let daemon = Daemon::start_with("components: {rollback_after: 3}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut socket = a.socket();
    socket.subscribe(None);
    let operator = daemon.operator_for("a");
    install(&operator, "ok00001");
    install(&daemon.operator_for("b"), "ok00001");
    let failing = install(&operator, "trap001")["digest"].clone();
    for _ in 0..3 {
        assert_eq!(a.err("swap.version", json!({})).name(), "COMPONENT_FAILED");
        assert_eq!(answers(&b), "ok00001", "nobody else notices");
    }
    daemon.wait_for_log("it was rolled back");
    assert_eq!(answers(&a), "ok00001");
    assert!(states(&a, "swap").contains(&(failing.as_str().expect("a digest").into(), "failed".into())));
    let audit = daemon.home().audit();
    let line = audit.iter().find(|line| line["action"] == "components.rollback").expect("a line in the audit log");
    assert_eq!((&line["actor"], &line["detail"]["digest"]), (&json!("gateway"), &failing));
    let told = (0..3).map(|_| socket.event_named("components.changed").payload).last().expect("three events");
    assert_eq!((&told["what"], &told["digest"]), (&json!("components.rollback"), &failing));
}

#[test]
fn one_tenant_alone_cannot_take_a_version_from_the_others() {
    let daemon = Daemon::start_with("components: {rollback_after: 3}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "ok00001");
    install(&daemon.operator(), "trap001");
    let fails = |tenant: &Tenant| assert_eq!(tenant.err("swap.version", json!({})).name(), "COMPONENT_FAILED");
    for _ in 0..4 {
        fails(&a);
    }
    fails(&b);
    assert!(!daemon.log().contains("it was rolled back"), "three of one tenant were no reason");
    fails(&b);
    daemon.wait_for_log("it was rolled back");
    assert_eq!([answers(&a), answers(&b)], ["ok00001", "ok00001"]);
}
