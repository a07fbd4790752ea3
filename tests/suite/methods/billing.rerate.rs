//! `billing.rerate`: what calls would cost by the card in force.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("billing.rerate", |_| json!({ "period": "2026-11", "format": "table" }));
}
