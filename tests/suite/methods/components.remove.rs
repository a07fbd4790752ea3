//! `components.remove`: takes versions of a family away.

use crate::{components, contract::*};

#[test]
fn keeps_the_contract() {
    contract("components.remove", |stage| {
        let _ = components::install(&stage.daemon.operator(), "ok00001");
        json!({ "family": "swap" })
    });
}

#[test]
fn one_version_goes_and_the_others_stay() {
    let daemon = Daemon::start();
    let operator = daemon.operator();
    let first = components::install(&operator, "ok00001")["digest"].clone();
    let second = components::install(&operator, "ok00002")["digest"].clone();
    let removed = operator.ok("components.remove", json!({ "family": "swap", "digest": first }));
    assert_eq!((&removed["active"], &removed["removed"]), (&second, &json!([first])));
    let removed = operator.ok("components.remove", json!({ "family": "swap" }));
    assert_eq!((&removed["active"], &removed["removed"]), (&Value::Null, &json!([second])));
}
