#![allow(clippy::disallowed_methods, reason = "what the family wrote")]

use crate::handler::HANDLER;
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

#[test]
fn the_words_are_kept_in_openclaws_own_file() {
    let tenant = Tenant::new(HANDLER);
    tenant.set_clock(5);
    let set: Value = tenant.call("voicewake.set", json!({"triggers": [" hey acme ", ""]})).unwrap();
    assert_eq!(set, json!({"triggers": ["hey acme"]}));

    let file = tenant.files("voicewake").read("voicewake.json", 1000).unwrap().unwrap();
    let stored: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(stored, json!({"triggers": ["hey acme"], "updatedAtMs": 5}));
    assert_eq!(tenant.call("voicewake.get", json!({})), Ok(set));
}

#[test]
fn no_words_are_the_defaults_and_connections_are_told() {
    let tenant = Tenant::new(HANDLER);
    let set: Value = tenant.call("voicewake.set", json!({"triggers": []})).unwrap();
    assert_eq!(set, json!({"triggers": ["openclaw", "claude", "computer"]}));
    let [changed] = tenant.events().try_into().unwrap();
    assert_eq!((changed.name.as_str(), changed.payload), ("voicewake.changed", set));
}
