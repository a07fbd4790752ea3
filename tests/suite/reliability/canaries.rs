//! R7: every method called by tenant B after tenant A planted a canary everywhere.

use crate::contract::*;

use super::{HOSTILE_GRANTS, config_with};

/// A value that the parameter's schema may well accept, aimed at what A has.
fn value_for(param: &discover::Param) -> Value {
    let schema = param.schema.to_string();
    let key = canary::session_key(MARK);
    match param.name.as_str() {
        "key" | "sessionKey" | "parentSessionKey" | "spawnedBy" => json!(key),
        "keys" => json!([key]),
        "agentId" => json!(MARK.to_lowercase()),
        "tenantId" => json!("a"),
        "name" if schema.contains("AGENTS.md") => json!("AGENTS.md"),
        "confirm" => json!(false),
        "raw" => json!("{}"),
        "triggers" => json!(["x"]),
        "decision" => json!("deny"),
        "file" => json!({ "version": 1 }),
        "command" if schema.contains("\"array\"") => json!(["grep", "-rs", MARK, "/work", "/tmp", "/mnt"]),
        _ if schema.contains("\"boolean\"") => json!(true),
        _ if schema.contains("\"integer\"") => json!(50),
        _ if schema.contains("\"array\"") => json!([]),
        _ => json!("x"),
    }
}

/// The calls that are tried for one method: without its optional parameters, with each one, with all.
fn attempts(method: &discover::Method) -> Vec<Value> {
    // Nobody answers here: it is not waited for.
    let waits = |name: &str| method.name == "exec.approval.request" && name == "timeoutMs";
    let required = |only: &[&str]| {
        let is_wanted = |name: &str| waits(name) || only.contains(&name);
        let wanted = method.params.iter().filter(|param| param.required || is_wanted(&param.name));
        Value::Object(wanted.map(|param| (param.name.clone(), value_for(param))).collect())
    };
    let names: Vec<&str> = method.params.iter().map(|param| param.name.as_str()).collect();
    let each = names.iter().map(|name| required(&[name]));
    std::iter::once(required(&[])).chain(each).chain([required(&names)]).collect()
}

#[test]
fn no_method_shows_b_what_a_has() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    canary::plant(&daemon, &a, MARK);
    let before = a.ok("sessions.list", json!({ "includeLastMessage": true }));
    let mut tried = 0;
    let methods = discover::methods(&daemon.operator());
    // What ends B's own token comes last.
    let (ending, others): (Vec<_>, Vec<_>) =
        methods.iter().partition(|method| ["tenants.rotate", "tenants.delete"].contains(&&*method.name));
    for method in others.into_iter().chain(ending) {
        for params in attempts(method) {
            let answer = b.respond(&method.name, &params).text();
            assert!(!answer.contains(MARK), "{} {params}: {answer}", method.name);
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} calls");
    assert_eq!(
        a.ok("sessions.list", json!({ "includeLastMessage": true }))["sessions"],
        before["sessions"],
        "B changed what A has"
    );
    assert_eq!(
        a.ok("agents.files.get", json!({ "agentId": "main", "name": "SOUL.md" }))["file"]["content"],
        format!("text {MARK}")
    );
}

#[test]
fn no_event_of_a_reaches_b() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let mut socket = b.socket();
    socket.subscribe(Some(0));
    canary::plant(&daemon, &a, MARK);
    assert_eq!(socket.events_so_far(), []);
    let mut late = b.socket();
    late.subscribe(Some(0));
    assert_eq!(late.events_so_far(), []);
}

#[test]
fn a_component_that_reads_all_it_can_reads_nothing_of_another_tenant() {
    let daemon = Daemon::start_with(&config_with(&["hostile"], HOSTILE_GRANTS));
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    canary::plant(&daemon, &a, MARK);
    let of_b = b.ok("hostile.canary", json!({})).to_string();
    assert!(!of_b.contains(MARK), "{of_b}");
    // And of its own tenant only what it was granted: no other family's files.
    let of_a = a.ok("hostile.canary", json!({}));
    for found in of_a["found"].as_array().expect("found") {
        let text = found.as_str().unwrap_or_default();
        assert!(!text.starts_with("canary.txt") && !text.contains("/canary.txt"), "a file of another family: {text}");
    }
    let outcome = a.ok("hostile.foreign_documents", json!({ "family": "sessions", "collection": "session-details" }));
    assert_eq!(outcome["code"], "FORBIDDEN", "{outcome}");
}

#[test]
fn nothing_of_the_host_is_in_any_answer() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("a");
    canary::plant(&daemon, &tenant, MARK);
    let home = daemon.home().path().to_string_lossy().into_owned();
    for method in discover::methods(&tenant) {
        for params in
            attempts(&method).into_iter().filter(|_| method.name != "tenants.delete" && method.name != "tenants.rotate")
        {
            let answer = tenant.respond(&method.name, &params).text();
            assert!(!answer.contains(&home), "{} {params} tells a path of the host: {answer}", method.name);
        }
    }
}
