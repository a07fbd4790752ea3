//! Run by `cargo test`, without a gateway: documents are in memory.

use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

use crate::handler::HANDLER;

#[test]
fn greets_by_name_and_remembers_how_often() {
    let tenant = Tenant::new(HANDLER);
    let hello = || tenant.call::<_, Value>("NAME.hello", json!({ "name": "Ada" }));
    assert_eq!(hello(), Ok(json!({ "text": "Hello, Ada!", "times": 1 })));
    assert_eq!(hello(), Ok(json!({ "text": "Hello, Ada!", "times": 2 })));
}

#[test]
fn wants_a_name() {
    let refused = Tenant::new(HANDLER).call::<_, Value>("NAME.hello", json!({})).unwrap_err();
    assert_eq!(refused.code, "INVALID_REQUEST");
}
