//! Asking and answering as clients see them. Here calls come one after the other: who waits while another answers is in
//! the suite `chat::approvals`.

use crate::handler::HANDLER;
use openclaw_sdk::Result;
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

mod looks;
mod others;
mod room;

fn tenant() -> Tenant {
    Tenant::new(HANDLER)
}

/// Asks, and comes back for the answer.
fn ask(tenant: &Tenant, id: &str, command: &str) -> Value {
    tenant.call("exec.approval.request", json!({ "id": id, "command": command, "twoPhase": true })).unwrap()
}

fn resolve(tenant: &Tenant, id: &str, decision: &str) -> Result<Value> {
    tenant.call("exec.approval.resolve", json!({ "id": id, "decision": decision }))
}

fn file(tenant: &Tenant) -> Value {
    tenant.call("exec.approvals.get", json!({})).unwrap()
}

fn set(tenant: &Tenant, file: Value) -> Result<Value> {
    tenant.call("exec.approvals.set", json!({ "file": file }))
}

fn events(tenant: &Tenant, name: &str) -> Vec<Value> {
    tenant.events().into_iter().filter(|event| event.name == name).map(|event| event.payload).collect()
}

#[test]
fn somebody_is_asked_once_and_the_answer_is_known_to_who_comes_back() {
    let tenant = tenant();
    tenant.set_clock(1_000);
    let asked = ask(&tenant, "a", "ls");
    assert_eq!(asked, json!({ "id": "a", "decision": null, "createdAtMs": 1_000, "expiresAtMs": 121_000 }));
    assert_eq!(ask(&tenant, "a", "ls"), asked);
    let requested = json!({ "id": "a", "request": { "command": "ls" }, "createdAtMs": 1_000, "expiresAtMs": 121_000 });
    assert_eq!(events(&tenant, "exec.approval.requested"), [requested]);
    assert_eq!(resolve(&tenant, "a", "allow-once").unwrap(), json!({ "ok": true }));
    assert_eq!(ask(&tenant, "a", "ls")["decision"], "allow-once");
    let waited: Value = tenant.call("exec.approval.request", json!({ "id": "a", "command": "ls" })).unwrap();
    assert_eq!(waited["decision"], "allow-once");
    let resolved = json!({ "id": "a", "decision": "allow-once", "ts": 1_000 });
    assert_eq!(events(&tenant, "exec.approval.resolved"), [resolved]);
}

#[test]
fn the_first_answer_holds_and_what_nobody_waits_for_is_not_found() {
    let tenant = tenant();
    ask(&tenant, "a", "ls");
    resolve(&tenant, "a", "deny").unwrap();
    for id in ["a", "nothing"] {
        assert_eq!(resolve(&tenant, id, "allow-once").unwrap_err().code, "NOT_FOUND");
    }
    assert_eq!(ask(&tenant, "a", "ls")["decision"], "deny");
    let wrong = resolve(&tenant, "a", "allow").unwrap_err();
    assert_eq!(wrong.code, "INVALID_REQUEST", "{}", wrong.message);
}

#[test]
fn nobody_who_answers_is_a_no_that_comes_in_time() {
    let tenant = tenant();
    tenant.set_clock(0);
    let waited: Value = tenant.call("exec.approval.request", json!({ "command": "ls", "timeoutMs": 5_000 })).unwrap();
    assert_eq!((&waited["decision"], &waited["expiresAtMs"]), (&Value::Null, &json!(5_000)));
    assert_eq!(tenant.now_ms(), 5_000);
    assert_eq!(resolve(&tenant, waited["id"].as_str().unwrap(), "allow-once").unwrap_err().code, "NOT_FOUND");
    let unsaid: Value = tenant.call("exec.approval.request", json!({ "command": "ls" })).unwrap();
    assert_eq!(unsaid["expiresAtMs"], 34_000, "no longer than the call, which has 30 seconds here");
    ask(&tenant, "late", "ls");
    tenant.set_clock(1_000_000);
    assert_eq!(resolve(&tenant, "late", "allow-once").unwrap_err().code, "NOT_FOUND");
    assert_eq!(ask(&tenant, "late", "ls")["decision"], Value::Null);
}

#[test]
fn what_died_with_its_call_is_over() {
    let tenant = tenant();
    ask(&tenant, "a", "ls");
    // As one that is waited for leaves it when its call is killed.
    let database = tenant.database("exec");
    let mut left: Value = database.collection("pending").get("a").unwrap().unwrap();
    left["isTwoPhase"] = false.into();
    database.transaction().put("pending", "a", &left, 0).unwrap().commit().unwrap();
    assert_eq!(resolve(&tenant, "a", "allow-always").unwrap_err().code, "NOT_FOUND");
    assert_eq!(file(&tenant)["exists"], false);
    database.transaction().put("pending", "b", &left, 0).unwrap().commit().unwrap();
    ask(&tenant, "c", "ls");
    assert_eq!(database.collection("pending").count("").unwrap(), 1, "whoever asks clears up");
}

#[test]
fn an_id_is_that_of_one_command() {
    let tenant = tenant();
    ask(&tenant, "a", "ls");
    let other =
        tenant.call::<_, Value>("exec.approval.request", json!({ "id": "a", "command": "rm", "twoPhase": true }));
    assert_eq!(other.unwrap_err().code, "CONFLICT");
    for id in ["", "a\u{7}", &"a".repeat(129)] {
        let wrong = tenant.call::<_, Value>("exec.approval.request", json!({ "id": id, "command": "ls" }));
        assert_eq!(wrong.unwrap_err().code, "INVALID_REQUEST");
    }
}

#[test]
fn people_read_all_of_a_command_and_nothing_that_hides_it() {
    let tenant = tenant();
    let params = json!({
        "command": "ls\u{1b}[2K\nrm \u{202e}x", "cwd": "a\rb", "agentId": "main\u{0}", "sessionKey": "k\u{9b}",
        "host": "h\u{8}", "resolvedPath": "/bin/\u{200b}ls", "security": "full\u{1b}", "ask": "a\u{7}",
        "twoPhase": true,
    });
    let _: Value = tenant.call("exec.approval.request", params).unwrap();
    let request = events(&tenant, "exec.approval.requested").remove(0)["request"].clone();
    assert_eq!(request["command"], "ls\\u{1b}[2K\\u{a}rm \\u{202e}x");
    for (name, text) in request.as_object().unwrap() {
        let text = text.as_str().unwrap();
        assert!(text.contains("\\u{") && !text.chars().any(char::is_control), "{name}: {text:?}");
    }
}

#[test]
fn what_is_too_long_to_be_read_is_not_asked_about_and_what_is_not_fits_an_event() {
    let tenant = tenant();
    let long = |command: String, cwd: String| {
        tenant.call::<_, Value>("exec.approval.request", json!({ "command": command, "cwd": cwd, "twoPhase": true }))
    };
    assert_eq!(long("x".repeat(16_385), String::new()).unwrap_err().code, "INVALID_REQUEST");
    assert_eq!(long("\n".repeat(16_000), String::new()).unwrap_err().code, "INVALID_REQUEST");
    assert_eq!(long("x".into(), "x".repeat(1_025)).unwrap_err().code, "INVALID_REQUEST");
    assert_eq!(long(" \n".into(), String::new()).unwrap_err().code, "INVALID_REQUEST");
    long("\"".repeat(16_384), "\"".repeat(1_024)).unwrap();
}

#[test]
fn what_is_allowed_for_good_is_not_asked_about_again() {
    let tenant = tenant();
    tenant.set_clock(1_000);
    assert_eq!(file(&tenant)["exists"], false);
    ask(&tenant, "a", "ls *");
    resolve(&tenant, "a", "allow-always").unwrap();
    let listed = &file(&tenant)["file"]["agents"]["main"]["allowlist"];
    assert_eq!((&listed[0]["pattern"], &listed[0]["lastUsedAt"]), (&json!("ls *"), &json!(1_000)));
    let hash = file(&tenant)["hash"].clone();
    tenant.set_clock(2_000);
    assert_eq!(ask(&tenant, "b", "ls *")["decision"], "allow-always");
    assert_eq!(file(&tenant)["file"]["agents"]["main"]["allowlist"][0]["lastUsedAt"], 2_000);
    assert_eq!(file(&tenant)["hash"], hash, "what is allowed is the same");
    assert_eq!(events(&tenant, "exec.approval.requested").len(), 1);
    for (n, other) in ["ls", "ls x", "ls *; rm x", " ls *", "ls *\n", "ls *\\u{a}"].into_iter().enumerate() {
        assert_eq!(ask(&tenant, &format!("other {n}"), other)["decision"], Value::Null, "{other:?}");
    }
    let of_ada = json!({ "id": "ada", "command": "ls *", "agentId": "ada", "twoPhase": true });
    let of_ada: Value = tenant.call("exec.approval.request", of_ada).unwrap();
    assert_eq!(of_ada["decision"], Value::Null, "it is another agent's");
}

#[test]
fn nobody_asks_for_everyone() {
    let tenant = tenant();
    let asked = json!({ "id": "a", "command": "ls", "agentId": "*", "twoPhase": true });
    let refused = tenant.call::<_, Value>("exec.approval.request", asked).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.message.contains("exec.approvals.set")), ("INVALID_REQUEST", true));
    assert_eq!(resolve(&tenant, "a", "allow-always").unwrap_err().code, "NOT_FOUND");
    assert_eq!(file(&tenant)["exists"], false);
}

#[test]
fn what_is_allowed_for_good_is_so_in_the_directory_that_was_shown() {
    let tenant = tenant();
    let within = |id: &str, cwd: &str| -> Value {
        let asked = json!({ "id": id, "command": "make", "cwd": cwd, "twoPhase": true });
        tenant.call::<_, Value>("exec.approval.request", asked).unwrap()["decision"].clone()
    };
    within("a", "/work/./a//b/");
    assert_eq!(events(&tenant, "exec.approval.requested")[0]["request"]["cwd"], "a/b");
    resolve(&tenant, "a", "allow-always").unwrap();
    assert_eq!(file(&tenant)["file"]["agents"]["main"]["allowlist"][0]["cwd"], "a/b");
    assert_eq!(within("the same", "a/b"), "allow-always");
    for (n, other) in ["", "a", "/a/b", "b/../a/b", "a\u{a0}/b"].into_iter().enumerate() {
        assert_eq!(within(&format!("other {n}"), other), Value::Null, "{other:?}");
    }
    // As files had it before directories were kept.
    let list = json!([{ "pattern": "make" }, { "pattern": "make", "cwd": "/work/c/" }]);
    set(&tenant, json!({ "version": 1, "agents": { "main": { "allowlist": list } } })).unwrap();
    for root in ["", "/work", "."] {
        assert_eq!(within("root", root), "allow-always", "{root:?}");
    }
    assert_eq!(within("c", "c"), "allow-always");
    assert_eq!(within("d", "d"), Value::Null);
    let hidden = json!([{ "pattern": "make", "cwd": "a\n" }]);
    let refused = set(&tenant, json!({ "version": 1, "agents": { "main": { "allowlist": hidden } } }));
    assert_eq!(refused.unwrap_err().code, "INVALID_REQUEST");
}

#[test]
fn the_file_is_openclaws_and_replaced_only_from_what_is_in_force() {
    let tenant = tenant();
    let given = json!({
        "version": 1,
        "socket": { "path": "/tmp/x.sock", "token": "secret" },
        "defaults": { "security": "allowlist", "ask": "on-miss", "askFallback": "deny", "autoAllowSkills": false },
        "agents": { "*": { "ask": "always", "allowlist": [{ "id": "1", "pattern": "uname" }] } },
    });
    let mut kept = given.clone();
    kept.as_object_mut().unwrap().remove("socket");
    let set_one = set(&tenant, given.clone()).unwrap();
    assert_eq!((&set_one["file"], &set_one["exists"], &set_one["path"]), (&kept, &json!(true), &json!("plugins/exec")));
    let mut got = file(&tenant);
    assert_eq!(got.as_object_mut().unwrap().remove("pending"), Some(json!([])));
    assert_eq!(got, set_one);
    assert_eq!(ask(&tenant, "a", "uname")["decision"], "allow-always", "everyone's");
    let empty = json!({ "version": 1, "agents": {} });
    let based =
        |hash: &Value| tenant.call::<_, Value>("exec.approvals.set", json!({ "file": empty, "baseHash": hash }));
    assert_eq!(based(&json!("something else")).unwrap_err().code, "CONFLICT");
    assert!(based(&set_one["hash"]).is_ok());
    assert_eq!(based(&set_one["hash"]).unwrap_err().code, "CONFLICT");
    assert_eq!(ask(&tenant, "b", "uname")["decision"], Value::Null);
}

#[test]
fn a_file_that_could_not_hold_is_refused() {
    let tenant = tenant();
    let of = |list: Value| json!({ "version": 1, "agents": { "main": { "allowlist": list } } });
    for wrong in [
        json!({ "version": 2 }),
        json!({ "version": 1, "defaults": { "security": "no such word" } }),
        json!({ "version": 1, "defaults": { "askFallback": "full" } }),
        json!({ "version": 1, "agents": { "a\u{1b}": {} } }),
        of(json!([{ "pattern": "ls\n" }])),
        of(json!([{ "pattern": "x".repeat(300_000) }])),
    ] {
        assert_eq!(set(&tenant, wrong.clone()).unwrap_err().code, "INVALID_REQUEST", "{wrong}");
    }
    let full = of((0..235).map(|n| json!({ "pattern": format!("{n}{}", "x".repeat(1_000)) })).collect());
    set(&tenant, full).unwrap();
    for id in ["a", "b"] {
        ask(&tenant, id, &format!("{id}{}", "y".repeat(8_000)));
    }
    let _ = resolve(&tenant, "a", "allow-always");
    let refused = resolve(&tenant, "b", "allow-always").unwrap_err();
    assert!(refused.message.contains("exec.approvals.set"), "{}", refused.message);
    resolve(&tenant, "b", "allow-once").unwrap();
}

#[test]
fn a_wildcard_that_somebody_writes_is_refused_and_one_that_was_allowed_stays() {
    let tenant = tenant();
    let with = |list: Value| json!({ "version": 1, "agents": { "main": { "allowlist": list } } });
    for pattern in ["git *", "/usr/bin/*", "**/rg"] {
        let refused = set(&tenant, with(json!([{ "pattern": "make" }, { "pattern": pattern }]))).unwrap_err();
        assert_eq!(refused.code, "INVALID_REQUEST");
        assert!(refused.message.contains(pattern) && refused.message.contains("allow-always"), "{}", refused.message);
    }
    assert_eq!(file(&tenant)["exists"], false);
    ask(&tenant, "a", "ls *");
    resolve(&tenant, "a", "allow-always").unwrap();
    let mut kept = file(&tenant)["file"].clone();
    kept["defaults"]["ask"] = json!("always");
    assert_eq!(set(&tenant, kept.clone()).unwrap()["file"], kept);
    kept["agents"]["ada"] = kept["agents"]["main"].clone();
    assert_eq!(set(&tenant, kept).unwrap_err().code, "INVALID_REQUEST", "another agent's is another");
}

#[test]
fn answering_needs_the_scope_approvals() {
    let tenant = tenant().with_scopes(["read", "write"]);
    ask(&tenant, "a", "ls");
    assert_eq!(resolve(&tenant, "a", "allow-once").unwrap_err().code, "FORBIDDEN");
    assert_eq!(set(&tenant, json!({ "version": 1 })).unwrap_err().code, "FORBIDDEN");
    assert_eq!(ask(&tenant, "a", "ls")["decision"], Value::Null);
}
