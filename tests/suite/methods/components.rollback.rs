//! `components.rollback`: goes back to the version before.

use crate::{components, contract::*};

#[test]
fn keeps_the_contract() {
    contract("components.rollback", |stage| {
        for version in ["ok00001", "ok00002"] {
            let _ = components::install(&stage.daemon.operator(), version);
        }
        json!({ "family": "swap" })
    });
}

#[test]
fn a_built_in_family_has_no_version_before() {
    let daemon = Daemon::start();
    let error = daemon.operator().err("components.rollback", json!({ "family": "health" }));
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
}
