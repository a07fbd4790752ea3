//! `voicewake.get`: the wake words.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("voicewake.get", |_| json!({}));
}

#[test]
fn there_are_words_from_the_start() {
    let daemon = Daemon::start();
    let words = daemon.tenant("acme").ok("voicewake.get", json!({}));
    has_fields(&words, "triggers");
    assert_eq!(words["triggers"], json!(["openclaw", "claude", "computer"]));
}

#[test]
fn what_was_set_is_there_after_a_restart() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("voicewake.set", json!({ "triggers": ["jarvis"] }));
    let daemon = daemon.restarted();
    assert_eq!(daemon.client(tenant.token()).ok("voicewake.get", json!({}))["triggers"], json!(["jarvis"]));
}
