//! A tenant's own over its group's over the gateway's.

use crate::contract::*;

use super::{GRANTS, answers, install, params, swap};

#[test]
fn the_most_specific_binding_serves() {
    let daemon = Daemon::start_with("components: {groups: {early: [a, b]}}\n");
    let (a, b, c) = (daemon.tenant("a"), daemon.tenant("b"), daemon.tenant("c"));
    let operator = daemon.operator();
    install(&operator, "ok00001");
    operator.done("components.install", params(&swap("ok00002"), json!({ "grants": GRANTS, "group": "early" })));
    install(&daemon.operator_for("a"), "ok00003");
    assert_eq!([answers(&a), answers(&b), answers(&c)], ["ok00003", "ok00002", "ok00001"]);
    daemon.operator_for("a").done("components.remove", json!({ "family": "swap" }));
    assert_eq!(answers(&a), "ok00002", "its group's again");
    operator.done("components.remove", json!({ "family": "swap", "group": "early" }));
    assert_eq!([answers(&a), answers(&b)], ["ok00001", "ok00001"], "everyone's again");
    operator.done("components.remove", json!({ "family": "swap" }));
    assert_eq!(c.err("swap.version", json!({})).code, -32601);
}

#[test]
fn a_group_that_is_not_configured_is_none() {
    let daemon = Daemon::start();
    let install = params(&swap("ok00001"), json!({ "grants": GRANTS, "group": "late" }));
    let error = daemon.operator().err("components.install", install);
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
}
