//! `memory.status`: how much an agent remembers.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("memory.status", |_| json!({}));
}

#[test]
fn tells_whether_files_have_changed_since_they_were_indexed() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let status = || tenant.ok("memory.status", json!({}));
    let empty = status();
    has_fields(&empty, "files chunks dims model dirty ftsAvailable vectorAvailable");
    assert_eq!((&empty["files"], &empty["dims"], &empty["dirty"]), (&json!(0), &json!(384), &json!(false)));
    assert_eq!((&empty["ftsAvailable"], &empty["vectorAvailable"]), (&json!(true), &json!(true)));
    tenant.done(
        "agents.files.set",
        json!({ "agentId": "main", "name": "MEMORY.md", "content": "The bakery is closed." }),
    );
    assert_eq!(status()["dirty"], true);
    tenant.done("memory.index", json!({}));
    assert_eq!((&status()["files"], &status()["chunks"]), (&json!(1), &json!(1)));
}
