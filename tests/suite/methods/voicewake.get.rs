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

#[test]
fn a_damaged_file_is_named_to_the_client_and_in_the_log_and_mended_by_a_set() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let file = daemon.home().tenant("acme").join("settings/voicewake.json");
    for bytes in [&b"\xff\x00\x17random"[..], b"{\"triggers\": 7}", b""] {
        std::fs::write(&file, bytes).expect("a damaged file");
        let error = tenant.err("voicewake.get", json!({}));
        assert_eq!(error.code, -32010, "{error}");
        assert!(error.to_string().contains("settings/voicewake.json is damaged"), "{error}");
        assert!(error.to_string().contains("voicewake.set replaces it"), "{error}");
        assert_eq!(std::fs::read(&file).expect("the file"), bytes, "it was touched");
    }
    daemon.wait_for_log("settings/voicewake.json is damaged");
    tenant.done("voicewake.set", json!({ "triggers": ["jarvis"] }));
    assert_eq!(tenant.ok("voicewake.get", json!({}))["triggers"], json!(["jarvis"]));
}
