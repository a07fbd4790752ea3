//! `components.install`: checks a component and binds it.

use crate::{components, contract::*};

#[test]
fn keeps_the_contract() {
    contract("components.install", |_| {
        components::params(&components::swap("ok00001"), json!({ "grants": components::GRANTS }))
    });
}

#[test]
fn the_bytes_are_base64() {
    let daemon = Daemon::start();
    for params in [json!({}), json!({ "wasm": "not base64!" }), json!({ "wasm": "AGFzbQ==" })] {
        let error = daemon.operator().err("components.install", params);
        assert_eq!((error.code, error.name()), (-32602, "INVALID_REQUEST"), "{error}");
    }
}

#[test]
fn gateway_wide_it_serves_everyone() {
    let daemon = Daemon::start();
    let row = components::install(&daemon.operator(), "ok00001");
    assert_eq!(row["source"], "gateway");
    daemon.tenant("a").done("swap.version", json!({}));
}
