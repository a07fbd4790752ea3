//! R1: `kill -9` at any moment under write load loses nothing that was answered.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use openclaw_tenancy::Audit;
use openclaw_tests::{torture, wait_until};

use crate::contract::*;

const WRITERS: usize = 4;

/// What the gateway said it had kept.
#[derive(Default)]
struct Answered {
    sessions: Mutex<Vec<String>>,
    messages: Mutex<Vec<String>>,
    /// The last file content that was answered, and the one that was under way.
    file: Mutex<BTreeMap<usize, (String, String)>>,
    count: AtomicUsize,
}

#[test]
fn nothing_that_was_answered_is_lost() {
    let kills = if torture() { 200 } else { 20 };
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let token = tenant.token().to_owned();
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:log" }));
    for writer in 0..WRITERS {
        tenant.done("agents.create", json!({ "name": format!("writer-{writer}") }));
    }
    let answered = Answered::default();
    for round in 0..kills {
        // A different number of answers each time, so that the kill lands in different places.
        let stop_at = answered.count.load(Ordering::Relaxed) + 5 + (round * 37) % 61;
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (client, answered) = (daemon.client(&token), &answered);
                scope.spawn(move || write_until_refused(&client, answered, round, writer));
            }
            wait_until("what the writers are answered", || answered.count.load(Ordering::Relaxed) >= stop_at);
            daemon.kill();
        });
        daemon = daemon.restarted();
        check(&daemon, &token, &answered, round);
    }
    daemon.terminate();
    assert_databases_are_whole(daemon.home());
}

/// Writes until the connection breaks, noting what was answered.
fn write_until_refused(client: &Client, answered: &Answered, round: usize, writer: usize) {
    for n in 0.. {
        let mark = format!("r{round}w{writer}n{n}");
        let key = format!("agent:main:direct:{mark}");
        if !send(client, "sessions.create", &json!({ "key": key })) {
            return;
        }
        answered.sessions.lock().expect("no writer panics").push(key);
        if !send(client, "chat.inject", &json!({ "sessionKey": "agent:main:direct:log", "message": mark })) {
            return;
        }
        answered.messages.lock().expect("no writer panics").push(mark.clone());
        let content = mark.repeat(400);
        answered.file.lock().expect("no writer panics").entry(writer).or_default().1.clone_from(&content);
        let name = format!("writer-{writer}");
        if !send(client, "agents.files.set", &json!({ "agentId": name, "name": "SOUL.md", "content": content })) {
            return;
        }
        answered.file.lock().expect("no writer panics").entry(writer).or_default().0 = content;
        answered.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the call was answered with a result; a conflict among the writers is tried again.
fn send(client: &Client, method: &str, params: &Value) -> bool {
    loop {
        let body = openclaw_tests::rpc::frame(1, method, params).to_string();
        let Ok(response) = client.request(body).send(client.address()) else { return false };
        match openclaw_tests::rpc::result_of(&response.json()) {
            Ok(_) => return true,
            Err(error) if error.code == -32009 => {}
            Err(error) if error.code == -32010 => return false,
            Err(error) => panic!("{method}: {error}"),
        }
    }
}

fn check(daemon: &Daemon, token: &str, answered: &Answered, round: usize) {
    let client = daemon.client(token);
    let sessions = answered.sessions.lock().expect("no writer panics");
    for key in sessions.iter().rev().take(200) {
        client
            .call("sessions.resolve", json!({ "key": key }))
            .unwrap_or_else(|error| panic!("kill {round}: {key} is lost: {error}"));
    }
    let history =
        client.ok("chat.history", json!({ "sessionKey": "agent:main:direct:log", "limit": 1000 })).to_string();
    for mark in answered.messages.lock().expect("no writer panics").iter().rev().take(200) {
        assert!(history.contains(&format!("\"{mark}\"")), "kill {round}: the message {mark} is lost");
    }
    for (writer, (kept, under_way)) in answered.file.lock().expect("no writer panics").iter() {
        let got = client.ok("agents.files.get", json!({ "agentId": format!("writer-{writer}"), "name": "SOUL.md" }));
        let content = got["file"]["content"].as_str().unwrap_or_default();
        assert!(content == kept || content == under_way, "kill {round}: the file of writer {writer} is torn or old");
    }
    Audit::verify(&daemon.home().path().join("audit.jsonl")).unwrap_or_else(|fault| panic!("kill {round}: {fault}"));
}

fn assert_databases_are_whole(home: &Home) {
    let files = home.files();
    let databases = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "db"));
    let mut seen = 0;
    for path in databases {
        let connection = rusqlite::Connection::open(home.path().join(path)).expect("a database");
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
        assert_eq!(verdict, "ok", "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "control.db and the sessions: {files:?}");
}

#[test]
fn tenants_that_were_answered_are_there_and_their_audit_lines_too() {
    let kills = if torture() { 50 } else { 5 };
    let mut daemon = Daemon::start();
    let mut tokens: Vec<(String, String)> = Vec::new();
    for round in 0..kills {
        let made = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for writer in 0..2 {
                let (operator, made) = (daemon.operator(), &made);
                scope.spawn(move || {
                    for n in 0.. {
                        let id = format!("t{round}-{writer}-{n}");
                        let body =
                            openclaw_tests::rpc::frame(1, "tenants.create", &json!({ "tenantId": id })).to_string();
                        let Ok(response) = operator.request(body).send(operator.address()) else { return };
                        let Some(token) = response.json()["result"]["token"].as_str().map(str::to_owned) else {
                            return;
                        };
                        made.lock().expect("no writer panics").push((id, token));
                    }
                });
            }
            wait_until("tenants", || made.lock().expect("no writer panics").len() >= 3 + round);
            daemon.kill();
        });
        tokens.extend(made.into_inner().expect("no writer panics"));
        daemon = daemon.restarted();
        for (id, token) in &tokens {
            let response = daemon.client(token).respond("tenants.get", &json!({}));
            assert_eq!(response.json()["result"]["tenantId"], *id, "kill {round}");
        }
        let audit = daemon.home().audit();
        for (id, _) in &tokens {
            assert!(audit.iter().any(|line| line["tenant"] == **id), "kill {round}: no audit line of {id}");
        }
        Audit::verify(&daemon.home().path().join("audit.jsonl"))
            .unwrap_or_else(|fault| panic!("kill {round}: {fault}"));
    }
}

#[test]
fn no_session_is_left_without_its_agent_and_a_deletion_can_be_repeated() {
    let kills = if torture() { 50 } else { 5 };
    let mut daemon = Daemon::start();
    let token = daemon.tenant("acme").token().to_owned();
    for round in 0..kills {
        let client = daemon.client(&token);
        let agents: Vec<String> = (0..12).map(|n| format!("r{round}n{n}")).collect();
        for agent in &agents {
            client.done("agents.create", json!({ "name": agent }));
            for n in 0..3 {
                client.done("sessions.create", json!({ "key": format!("agent:{agent}:direct:{n}") }));
            }
        }
        let deleted = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for agent in &agents {
                    if !send(&client, "agents.delete", &json!({ "agentId": agent })) {
                        return;
                    }
                    deleted.fetch_add(1, Ordering::Relaxed);
                }
            });
            wait_until("deletions", || deleted.load(Ordering::Relaxed) > round % 10);
            daemon.kill();
        });
        daemon = daemon.restarted();
        let client = daemon.client(&token);
        let there = pluck(&client.ok("agents.list", json!({}))["agents"], "id");
        for key in pluck(&client.ok("sessions.list", json!({ "limit": 1000 }))["sessions"], "key") {
            let agent = key.split(':').nth(1).unwrap_or_default();
            assert!(there.iter().any(|id| id == agent), "kill {round}: {key} has no agent among {there:?}");
        }
        for agent in there.iter().filter(|agent| *agent != "main") {
            client.done("agents.delete", json!({ "agentId": agent }));
        }
        assert_eq!(client.ok("sessions.list", json!({}))["count"], 0, "kill {round}");
    }
}
