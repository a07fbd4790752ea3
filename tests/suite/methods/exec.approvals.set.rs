//! `exec.approvals.set`: replaces what is allowed for good.

use crate::contract::*;

fn allowing(pattern: &str) -> Value {
    json!({ "version": 1, "defaults": {}, "agents": { "main": { "allowlist": [{ "id": "1", "pattern": pattern }] } } })
}

#[test]
fn keeps_the_contract() {
    contract("exec.approvals.set", |_| json!({ "file": { "version": 1, "agents": {} } }));
}

#[test]
fn what_is_in_it_is_allowed_unasked() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let set = tenant.ok("exec.approvals.set", json!({ "file": allowing("uname -a") }));
    has_fields(&set, "path exists hash file");
    assert_eq!((&set["file"], &set["exists"]), (&allowing("uname -a"), &json!(true)));
    let got = tenant.ok("exec.approvals.get", json!({}));
    let same = |name: &str| assert_eq!(got[name], set[name], "{name}");
    ["path", "exists", "hash", "file"].into_iter().for_each(same);
    let of = |command: &str| tenant.ok("exec.approval.request", json!({ "command": command, "timeoutMs": 10 }));
    assert_eq!(of("uname -a")["decision"], "allow-always");
    for other in ["uname", "uname -a; id", "uname  -a", "/bin/uname -a"] {
        assert_eq!(of(other)["decision"], Value::Null, "{other}");
    }
}

#[test]
fn a_change_of_what_is_not_in_force_any_more_is_a_conflict() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let before = tenant.ok("exec.approvals.get", json!({}))["hash"].clone();
    let change = |pattern: &str| json!({ "file": allowing(pattern), "baseHash": before });
    tenant.done("exec.approvals.set", change("first"));
    assert_eq!(tenant.err("exec.approvals.set", change("second")).name(), "CONFLICT");
    assert_eq!(tenant.ok("exec.approvals.get", json!({}))["file"], allowing("first"));
}

#[test]
fn what_could_not_hold_is_refused_by_name() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for (file, name) in [
        (json!({ "version": 1, "defaults": { "security": "some" } }), "security"),
        (json!({ "version": 1, "defaults": { "askFallback": "full" } }), "askFallback"),
        (json!({ "version": 1, "bogus": 1 }), "bogus"),
        (allowing("ls\u{1b}[2K"), "allowlist"),
        (allowing("git *"), "one command to the letter"),
    ] {
        let error = tenant.err("exec.approvals.set", json!({ "file": file }));
        assert_eq!(error.code, -32602, "{error}");
        assert!(error.message.contains(name), "{name} is not named: {error}");
    }
    assert_eq!(tenant.ok("exec.approvals.get", json!({}))["exists"], false);
}
