//! `components.activate`: binds a version that is kept.

use crate::{components, contract::*};

#[test]
fn keeps_the_contract() {
    contract("components.activate", |stage| {
        let first = components::install(&stage.daemon.operator(), "ok00001")["digest"].clone();
        let _ = components::install(&stage.daemon.operator(), "ok00002");
        json!({ "family": "swap", "digest": first })
    });
}

#[test]
fn a_version_that_is_not_kept_is_not_found() {
    let daemon = Daemon::start();
    let digest = components::install(&daemon.operator(), "ok00001")["digest"].clone();
    let unknown = format!("sha256:{}", "0".repeat(64));
    for params in [json!({ "family": "crm" }), json!({ "family": "swap", "digest": unknown }), json!({ "family": "swap" })] {
        let error = daemon.operator().err("components.activate", params);
        assert_eq!(error.name(), "NOT_FOUND", "{error}");
    }
    let changed = daemon.operator().ok("components.activate", json!({ "family": "swap", "digest": digest }));
    has_fields(&changed, "family active previous removed");
    assert_eq!(changed["active"], digest);
}
