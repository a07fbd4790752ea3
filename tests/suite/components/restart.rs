//! What is installed stays installed.

use crate::contract::*;

use super::{answers, install, states};

#[test]
fn bindings_survive_a_kill() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator(), "ok00001");
    let operator = daemon.operator_for("a");
    install(&operator, "ok00002");
    install(&operator, "ok00003");
    a.done("swap.keep", json!({ "text": "kept" }));
    let before = states(&a, "swap");
    daemon.kill();
    let daemon = daemon.restarted();
    let a = daemon.client(a.token());
    assert_eq!(answers(&a), "ok00003");
    assert_eq!(states(&a, "swap"), before);
    assert_eq!(a.ok("swap.kept", json!({}))["text"], "kept");
    daemon.operator_for("a").done("components.rollback", json!({ "family": "swap" }));
    assert_eq!(answers(&a), "ok00002");
    assert_eq!(answers(&daemon.tenant("b")), "ok00001");
}

#[test]
fn damaged_bytes_fail_that_tenants_family_by_name() {
    let mut daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let row = install(&daemon.operator_for("a"), "ok00001");
    install(&daemon.operator_for("b"), "ok00001");
    daemon.kill();
    let digest = row["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let file = daemon.home().tenant("a").join(format!("plugins/components/{digest}.wasm"));
    std::fs::write(&file, b"not what it was").expect("it is damaged");
    let daemon = daemon.restarted();
    let (a, b) = (daemon.client(a.token()), daemon.client(b.token()));
    let error = a.err("swap.version", json!({}));
    assert_eq!(error.name(), "UNAVAILABLE", "{error}");
    assert!(error.message.contains("the family swap") && error.message.contains("damaged"), "{error}");
    a.done("health", json!({}));
    assert_eq!(answers(&b), "ok00001", "the same bytes of another tenant are whole");
    assert_eq!(std::fs::read(&file).expect("the file"), b"not what it was", "it is left as it is");
    install(&daemon.operator_for("a"), "ok00001");
    assert_eq!(answers(&a), "ok00001", "installing it again mends it");
}

#[test]
fn going_back_to_a_version_that_is_loaded_reads_no_file() {
    let daemon = Daemon::start();
    let (a, operator) = (daemon.tenant("a"), daemon.operator_for("a"));
    let row = install(&operator, "ok00001");
    install(&operator, "ok00002");
    let digest = row["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let file = daemon.home().tenant("a").join(format!("plugins/components/{digest}.wasm"));
    std::fs::write(&file, b"not what it was").expect("it is damaged");
    operator.done("components.rollback", json!({ "family": "swap" }));
    assert_eq!(answers(&a), "ok00001");
    let daemon = daemon.restarted();
    let error = daemon.client(a.token()).err("swap.version", json!({}));
    assert!(error.message.contains("damaged"), "it was seen when it was read: {error}");
}

#[test]
fn what_could_not_be_loaded_is_tried_again_after_a_change() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    let row = install(&daemon.operator_for("a"), "ok00001");
    daemon.kill();
    let digest = row["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let file = daemon.home().tenant("a").join(format!("plugins/components/{digest}.wasm"));
    let whole = std::fs::read(&file).expect("the file");
    std::fs::write(&file, b"not what it was").expect("it is damaged");
    let daemon = daemon.restarted();
    let a = daemon.client(a.token());
    let error = a.err("swap.version", json!({}));
    assert_eq!((error.name(), error.data["retryable"].as_bool()), ("UNAVAILABLE", Some(true)), "{error}");
    std::fs::write(&file, whole).expect("it is mended");
    assert_eq!(a.err("swap.version", json!({})).name(), "UNAVAILABLE", "it is left alone for a minute");
    install(&daemon.operator(), "ok00002");
    assert_eq!(answers(&a), "ok00001");
}

#[test]
fn a_tenant_made_anew_has_nothing_of_the_one_before() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator_for("a"), "ok00001");
    assert_eq!(answers(&a), "ok00001");
    daemon.operator_for("a").done("tenants.delete", json!({ "tenantId": "a", "confirm": true }));
    let a = daemon.tenant("a");
    assert_eq!(a.err("swap.version", json!({})).code, -32601);
    let daemon = daemon.restarted();
    assert_eq!(daemon.client(a.token()).err("swap.version", json!({})).code, -32601);
}
