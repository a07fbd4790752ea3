//! Commands that somebody has to allow: the run waits, the tenant's connections are told, and one answer decides.

use super::*;
use openclaw_tests::Socket;

const REQUESTED: &str = "exec.approval.requested";

/// A daemon whose agents ask before each command.
fn asking() -> Daemon {
    talking_with("tools: {exec: {ask: always}}\n")
}

fn listener(client: &Client) -> Socket {
    let mut socket = client.socket();
    socket.subscribe(None);
    socket
}

/// Begins a run that wants to run its command; answers what somebody is asked.
fn asked(client: &Client, socket: &mut Socket, run: &str) -> Value {
    client.done("chat.send", to_main(run, "run it"));
    socket.event_named(REQUESTED).payload
}

fn answer(asked: &Value, decision: &str) -> Value {
    json!({ "id": asked["id"], "decision": decision })
}

/// What the model was told of the command that it wanted last.
fn told(client: &Client) -> String {
    let result = history(client).into_iter().rfind(|(role, _)| role == "toolResult");
    result.map(|(_, text)| text).expect("a result")
}

#[test]
fn a_command_waits_until_it_is_allowed_and_the_next_one_is_asked_about_again() {
    let daemon = asking();
    let tenant = daemon.tenant("acme");
    let mut socket = listener(&tenant);
    let first = asked(&tenant, &mut socket, "r1");
    has_fields(&first, "id request createdAtMs expiresAtMs");
    is_unix_ms(&first["createdAtMs"]);
    is_unix_ms(&first["expiresAtMs"]);
    let request = &first["request"];
    has_fields(request, "command agentId sessionKey security ask");
    assert_eq!((&request["agentId"], &request["sessionKey"]), (&json!("main"), &json!(MAIN)));
    assert!(request["command"].as_str().is_some_and(|command| command.starts_with("echo OUT''PUT")), "{request}");
    assert!(!work(&daemon, "acme", "made").exists(), "it waits");
    assert_eq!(tenant.ok("exec.approval.resolve", answer(&first, "allow-once")), json!({ "ok": true }));
    let resolved = socket.event_named("exec.approval.resolved").payload;
    has_fields(&resolved, "id decision ts");
    assert_eq!((&resolved["id"], &resolved["decision"]), (&first["id"], &json!("allow-once")));
    assert_eq!(ended(&tenant, "r1")["status"], "ok");
    assert_eq!(told(&tenant), "OUTPUT of 42\n");
    std::fs::remove_file(work(&daemon, "acme", "made")).expect("what the command wrote");

    let second = asked(&tenant, &mut socket, "r2");
    assert_ne!(second["id"], first["id"]);
    tenant.done("exec.approval.resolve", answer(&second, "deny"));
    ended(&tenant, "r2");
    assert!(told(&tenant).contains("not approved"), "{}", told(&tenant));
    assert!(!work(&daemon, "acme", "made").exists(), "it was denied");
}

#[test]
fn what_is_allowed_for_good_is_not_asked_about_again_until_it_is_taken_back() {
    let daemon = asking();
    let tenant = daemon.tenant("acme");
    let token = tenant.token().to_owned();
    let mut socket = listener(&tenant);
    let first = asked(&tenant, &mut socket, "r1");
    tenant.done("exec.approval.resolve", answer(&first, "allow-always"));
    assert_eq!(ended(&tenant, "r1")["status"], "ok");
    drop(socket);
    let daemon = daemon.restarted();
    let tenant = daemon.client(&token);
    let mut socket = listener(&tenant);
    assert_eq!(tenant.ok("agent", message("r2", "run it"))["summary"], "The command has run.");
    let heard = socket.events_so_far();
    assert!(heard.iter().all(|event| event.event != REQUESTED), "{heard:?}");
    let kept = tenant.ok("exec.approvals.get", json!({}));
    assert_eq!(kept["file"]["agents"]["main"]["allowlist"][0]["pattern"], first["request"]["command"]);
    let taken_back = json!({ "file": { "version": 1, "agents": {} }, "baseHash": kept["hash"] });
    tenant.done("exec.approvals.set", taken_back);
    let again = asked(&tenant, &mut socket, "r3");
    tenant.done("exec.approval.resolve", answer(&again, "deny"));
    ended(&tenant, "r3");
}

#[test]
fn only_the_tenant_itself_answers_and_only_with_the_scope() {
    let daemon = asking();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let (mut of_a, mut of_b) = (listener(&a), listener(&b));
    let question = asked(&a, &mut of_a, "r1");
    let foreign = b.err("exec.approval.resolve", answer(&question, "allow-once"));
    assert_eq!(foreign.name(), "NOT_FOUND", "{foreign}");
    let list = json!({ "main": { "allowlist": [{ "pattern": question["request"]["command"] }] } });
    let set = json!({ "file": { "version": 1, "agents": list } });
    let less = a.with_scopes("read,write,pairing");
    for (method, params) in [("exec.approval.resolve", answer(&question, "allow-once")), ("exec.approvals.set", set)] {
        let error = less.err(method, params);
        assert_eq!((error.code, error.name()), (-32003, "FORBIDDEN"), "{error}");
    }
    assert_eq!(of_b.events_so_far(), [], "b hears nothing of it");
    assert!(!work(&daemon, "a", "made").exists());
    a.with_scopes("approvals").done("exec.approval.resolve", answer(&question, "deny"));
    ended(&a, "r1");
    assert!(told(&a).contains("not approved"), "{}", told(&a));
}

#[test]
fn a_run_whose_client_may_not_answer_asks_all_the_same() {
    let daemon = asking();
    let tenant = daemon.tenant("acme");
    let mut socket = listener(&tenant);
    let question = asked(&tenant.with_scopes("write"), &mut socket, "r1");
    tenant.done("exec.approval.resolve", answer(&question, "allow-once"));
    assert_eq!(ended(&tenant, "r1")["status"], "ok");
    assert_eq!(told(&tenant), "OUTPUT of 42\n");
}

#[test]
fn of_many_answers_at_once_one_decides() {
    let daemon = asking();
    let tenant = daemon.tenant("acme");
    let mut socket = listener(&tenant);
    let question = asked(&tenant, &mut socket, "r1");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let each = |n: usize| {
            let (tenant, params) = (&tenant, answer(&question, ["allow-once", "deny"][n % 2]));
            scope.spawn(move || tenant.call("exec.approval.resolve", params))
        };
        let threads: Vec<_> = (0..6).map(each).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let mut refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.all(|error| error.name() == "NOT_FOUND"), "{answers:?}");
    let decided = socket.event_named("exec.approval.resolved").payload["decision"].clone();
    ended(&tenant, "r1");
    assert_eq!(told(&tenant) == "OUTPUT of 42\n", decided == "allow-once", "what was told of is what was done");
}

#[test]
fn what_was_asked_before_a_kill_is_over_and_the_next_run_asks_anew() {
    let mut daemon = asking();
    let tenant = daemon.tenant("acme");
    let token = tenant.token().to_owned();
    let question = asked(&tenant, &mut listener(&tenant), "r1");
    daemon.kill();
    let daemon = daemon.restarted();
    let tenant = daemon.client(&token);
    let late = tenant.err("exec.approval.resolve", answer(&question, "allow-always"));
    assert_eq!(late.name(), "NOT_FOUND", "{late}");
    assert_eq!(tenant.ok("exec.approvals.get", json!({}))["exists"], false, "nothing was allowed");
    assert_eq!(ended(&tenant, "r1")["status"], "error");
    let mut socket = listener(&tenant);
    let next = asked(&tenant, &mut socket, "r2");
    tenant.done("exec.approval.resolve", answer(&next, "allow-once"));
    assert_eq!(ended(&tenant, "r2")["status"], "ok");
}

#[test]
fn the_tenants_approvals_can_forbid_what_the_configuration_allows() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let deny = json!({ "version": 1, "defaults": { "security": "deny" }, "agents": {} });
    tenant.done("exec.approvals.set", json!({ "file": deny }));
    tenant.done("agent", message("r1", "run it"));
    assert!(told(&tenant).starts_with("FORBIDDEN"), "{}", told(&tenant));
    assert!(!work(&daemon, "acme", "made").exists());
}
