//! `billing.summary`: what each tenant used in a period.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("billing.summary", |_| json!({ "period": "last-month" }));
}
