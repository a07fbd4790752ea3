//! `billing.rollup`: what models cost by hour, day or month.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("billing.rollup", |_| json!({ "tenantId": "a", "period": "2026-11-01..2026-11-15", "unit": "hour" }));
}
