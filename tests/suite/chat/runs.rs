//! Runs that nobody waits for: one at a time, bounded, and known after the gateway's death.

use super::*;
use openclaw_tests::wait_until;

#[test]
fn messages_to_one_session_are_answered_in_their_order() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    for id in ["r1", "r2", "r3"] {
        let sent = tenant.ok("chat.send", to_main(id, &format!("weather {id}")));
        assert_eq!(sent, json!({ "runId": id, "status": "started" }));
    }
    for id in ["r3", "r2", "r1"] {
        assert_eq!(ended(&tenant, id)["status"], "ok");
    }
    let users: Vec<String> =
        history(&tenant).into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text).collect();
    assert_eq!(users, ["weather r1", "weather r2", "weather r3"]);
}

#[test]
fn many_clients_of_one_session_lose_no_message() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    std::thread::scope(|scope| {
        for client in 0..4 {
            let tenant = &tenant;
            scope.spawn(move || {
                for n in 0..3 {
                    let id = format!("{client}.{n}");
                    tenant.done("chat.send", to_main(&id, &format!("weather {id}")));
                    assert_eq!(ended(tenant, &id)["status"], "ok");
                }
            });
        }
    });
    let said = history(&tenant);
    assert_eq!(said.len(), 24);
    for pair in said.chunks(2) {
        assert_eq!((pair[0].0.as_str(), pair[1].0.as_str()), ("user", "assistant"), "{said:?}");
    }
}

#[test]
fn a_run_that_was_killed_with_the_gateway_is_marked_and_the_session_goes_on() {
    let mut daemon = talking();
    let tenant = daemon.tenant("acme");
    let token = tenant.token().to_owned();
    tenant.done("chat.send", to_main("r1", "wait for it"));
    wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
    tenant.done("chat.send", to_main("r2", "weather"));
    daemon.kill();
    let daemon = daemon.restarted();
    let tenant = daemon.client(&token);
    let died = ended(&tenant, "r1");
    assert_eq!(died["status"], "error", "{died}");
    assert!(died["error"].as_str().is_some_and(|error| error.contains("the gateway stopped")), "{died}");
    assert_eq!(ended(&tenant, "r2")["status"], "ok", "what waited is answered");
    assert_eq!(tenant.ok("agent", message("r3", "weather"))["summary"], "It rains.");
    let said = history(&tenant);
    assert_eq!(said[0], ("user".to_owned(), "wait for it".to_owned()));
    let sessions = tenant.ok("sessions.list", json!({}));
    assert_eq!(sessions["sessions"][0]["abortedLastRun"], false, "the last one was not: {sessions}");
    let again = tenant.ok("chat.send", to_main("r1", "wait for it"));
    assert_eq!(again["status"], "error", "its id is known still");
}

#[test]
fn a_gateway_that_stops_ends_what_runs() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let token = tenant.token().to_owned();
    tenant.done("chat.send", to_main("r1", "wait for it"));
    wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
    let daemon = daemon.restarted();
    assert_eq!(ended(&daemon.client(&token), "r1")["status"], "error");
}

#[test]
fn a_tenant_that_is_deleted_takes_its_runs_along() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    tenant.done("chat.send", to_main("r1", "wait for it"));
    wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
    tenant.done("tenants.delete", json!({ "confirm": true }));
    assert!(!daemon.home().tenant("acme").exists());
    let namesake = daemon.tenant("acme");
    assert_eq!(namesake.err("agent.wait", json!({ "runId": "r1" })).name(), "NOT_FOUND");
    assert_eq!(namesake.ok("agent", message("r1", "weather"))["summary"], "It rains.");
}

#[test]
fn more_sessions_at_once_than_there_are_places_are_refused_and_none_is_lost() {
    // Each run has a command that goes on.
    let daemon = talking_with("sandbox: {concurrent_per_tenant: 32}\n");
    let tenant = daemon.tenant("acme");
    let send = |n: usize| {
        let params = json!({ "sessionKey": format!("agent:main:direct:{n}"), "message": "wait for it", "idempotencyKey": format!("r{n}") });
        tenant.call("chat.send", params)
    };
    let sent: Vec<_> = (0..20).map(send).collect();
    let refused = sent
        .iter()
        .filter_map(|sent| sent.as_ref().err())
        .inspect(|error| assert_eq!(error.name(), "UNAVAILABLE", "{error}"));
    assert_eq!(refused.count(), 4, "a tenant has 16 tasks");
    std::fs::write(work(&daemon, "acme", "go"), "").expect("they may end");
    for (n, _) in sent.iter().enumerate().filter(|(_, sent)| sent.is_ok()) {
        ended(&tenant, &format!("r{n}"));
    }
    let (n, _) = sent.iter().enumerate().find(|(_, sent)| sent.is_err()).expect("a refused one");
    assert_eq!(send(n).expect("there is room again")["status"], "started");
}
