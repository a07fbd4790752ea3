//! `agents.files.get`: one file with its content.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.files.get", |_| json!({ "agentId": "main", "name": "SOUL.md" }));
}

#[test]
fn answers_the_content() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "Grüße\n" }));
    let got = tenant.ok("agents.files.get", json!({ "agentId": "main", "name": "SOUL.md" }));
    has_fields(&got, "agentId workspace file");
    has_fields(&got["file"], "name path missing size updatedAtMs content");
    assert_eq!(got["file"]["content"], "Grüße\n");
    assert_eq!(got["file"]["size"], 8);
    assert_eq!(got["file"]["missing"], false);
}

#[test]
fn a_file_that_is_not_there_is_missing_and_no_error() {
    let daemon = Daemon::start();
    let got = daemon.tenant("acme").ok("agents.files.get", json!({ "agentId": "main", "name": "USER.md" }));
    assert_eq!(got["file"]["missing"], true);
    assert_eq!(got["file"].get("content"), None);
}

#[test]
fn only_the_names_of_the_list_are_files() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for name in
        ["notes.md", "soul.md", "../config.yaml", "SOUL.md/../../../config.yaml", "/etc/passwd", "SOUL.md\u{0}", ""]
    {
        let error = tenant.err("agents.files.get", json!({ "agentId": "main", "name": name }));
        assert_eq!((error.code, error.name()), (-32602, "INVALID_REQUEST"), "{name:?}: {error}");
    }
}
