//! A turn that is killed with the gateway wherever it waits: what was said stays said, what the model was asked is
//! billed once, and the session goes on.

mod model;
mod transcripts;
mod unended;

use std::collections::BTreeMap;

use openclaw_tests::{Event, torture, wait_until};

use super::*;
use crate::models::{
    is_sound,
    rows::{rows, usd},
    upstream::Upstream,
};
use transcripts::Transcripts;

/// Where a turn stands still.
struct Place {
    name: &'static str,
    seen_by: Sight,
    /// Who has said something by then.
    said: &'static [&'static str],
    /// Calls of models that are under way.
    open: usize,
}

/// What shows that a turn has come to its place.
enum Sight {
    /// So many requests that the provider has got.
    Requests(usize),
    /// A piece of the answer, as a connection of the tenant hears it.
    Words,
    /// A file that the command writes.
    File,
}

const USER: &[&str] = &["user"];
const CALLED: &[&str] = &["user", "assistant"];
const USED: &[&str] = &["user", "assistant", "toolResult"];

#[rustfmt::skip]
const PLACES: [Place; 9] = [
    Place { name: "asked", seen_by: Sight::Requests(1), said: USER, open: 1 },
    Place { name: "accepted", seen_by: Sight::Requests(1), said: USER, open: 1 },
    Place { name: "answering", seen_by: Sight::Words, said: USER, open: 1 },
    Place { name: "calling", seen_by: Sight::Requests(1), said: USER, open: 1 },
    Place { name: "ending", seen_by: Sight::Words, said: USER, open: 1 },
    Place { name: "command", seen_by: Sight::File, said: CALLED, open: 0 },
    Place { name: "memory", seen_by: Sight::Requests(2), said: CALLED, open: 1 },
    Place { name: "asked-again", seen_by: Sight::Requests(2), said: USED, open: 1 },
    Place { name: "answering-again", seen_by: Sight::Words, said: USED, open: 1 },
];

#[test]
fn a_turn_that_is_killed_where_it_waits_is_marked_and_billed_and_its_session_goes_on() {
    let rounds = if torture() { 20 } else { 1 };
    let mut world = World::start();
    let mut estimated = 0;
    for round in 0..rounds {
        for place in &PLACES {
            let id = format!("{round}.{}", place.name);
            world = world.killed_at(place, &id);
            estimated += place.open;
            let rows = rows(world.daemon.home(), "acme");
            assert_eq!(rows.iter().filter(|row| row.outcome == "estimated").count(), estimated, "{id}: {rows:#?}");
            assert_eq!(rows.len(), world.model.received().len(), "{id}: a row for each request and no other");
            for row in &rows {
                let of_run = key(row.run.trim_end_matches(".next"));
                assert_eq!((&*row.agent, &row.session), ("main", &of_run), "{id}: the run's, embeddings too: {row:?}");
            }
        }
    }
    is_sound(&world.daemon);
    world.died();
}

#[test]
fn a_turn_that_is_killed_at_any_of_its_events_has_written_what_it_told() {
    let rounds = if torture() { 20 } else { 1 };
    let mut world = World::start();
    let all = world.told("0.tool", usize::MAX).len();
    for round in 1..=rounds {
        for most in 1..=all {
            world = world.killed_after(most, &format!("{round}-{most}.tool"));
        }
    }
    is_sound(&world.daemon);
    world.died();
}

#[test]
fn a_turn_that_is_killed_between_its_answer_and_its_end_has_ended_well() {
    let mut world = World::start();
    for id in ["0.plain", "0.tool"] {
        world = world.killed_before_its_end(id);
    }
    is_sound(&world.daemon);
    world.died();
}

/// A daemon whose model is played, and what its last death left.
struct World {
    daemon: Daemon,
    token: String,
    model: Upstream,
    transcripts: Transcripts,
}

impl World {
    fn start() -> Self {
        let model = Upstream::answering(model::answer);
        let url = model.url();
        let daemon = Daemon::start_with(&format!(
            "models:\n  default: small\n  embedding: {{model: small, dimensions: 2}}\n  providers:\n    \
             - id: up\n      kind: openai\n      base_url: {url}/v1\n      api_key: sk-canary\n      \
             models: [{{id: small, max_output_tokens: 100}}]\n{PRICES}"
        ));
        let token = daemon.tenant("acme").token().to_owned();
        Self { daemon, token, model, transcripts: Transcripts::default() }
    }

    fn tenant(&self) -> Client {
        self.daemon.client(&self.token)
    }

    /// Kills the gateway, looks at what it left, and starts it again.
    fn died(self) -> Self {
        self.died_leaving(|_| ())
    }

    /// The same, with a change of what it left.
    fn died_leaving(mut self, change: impl FnOnce(&Home)) -> Self {
        self.daemon.kill();
        change(self.daemon.home());
        let transcripts = self.transcripts.after(self.daemon.home());
        Self { daemon: self.daemon.restarted(), transcripts, ..self }
    }

    /// Kills a turn at its place.
    fn killed_at(self, place: &Place, id: &str) -> Self {
        let before = self.model.received().len();
        let mut socket = self.tenant().socket();
        socket.subscribe(None);
        self.send(id);
        match place.seen_by {
            Sight::Requests(count) => {
                wait_until("the provider is asked", || self.model.received().len() >= before + count);
            }
            Sight::Words => while socket.event_named("chat").payload["state"] != "delta" {},
            Sight::File => {
                wait_until("the command runs", || work(&self.daemon, "acme", &format!("begun-{id}")).exists());
            }
        }
        let world = self.died();
        let tenant = world.tenant();
        let session = tenant.ok("chat.history", json!({ "sessionKey": key(id) }));
        let session_id = session["sessionId"].as_str().expect("a session");
        assert_eq!(world.transcripts.roles(session_id), place.said, "{id}");

        let died = ended(&tenant, id);
        assert_eq!(died["status"], "error", "{id}: {died}");
        assert!(died["error"].as_str().is_some_and(|error| error.contains("the gateway stopped")), "{id}: {died}");
        let aborted = world.messages(id).pop().expect("its mark");
        assert_eq!((&aborted["role"], &aborted["stopReason"]), (&json!("assistant"), &json!("aborted")), "{id}");
        world.goes_on(id);
        let roles = pluck(&world.messages(id).into(), "role");
        assert_eq!(roles, [place.said, &["assistant", "user", "assistant"]].concat(), "{id}");
        world
    }

    /// Kills a turn when its answer is written, and before its end is.
    fn killed_before_its_end(self, id: &str) -> Self {
        self.told(id, usize::MAX);
        let messages = self.messages(id);
        assert_eq!(messages.last().expect("an answer")["stopReason"], "stop", "{id}: {messages:?}");
        let world = self.died_leaving(|home| unended::take_end(home, id, &key(id)));
        let ended = ended(&world.tenant(), id);
        assert_eq!((&ended["status"], &ended["error"]), (&json!("ok"), &Value::Null), "{id}: {ended}");
        assert_eq!(world.messages(id), messages, "{id}: nothing is written twice, and nothing is marked");
        world.goes_on(id);
        world
    }

    /// Kills a turn when so many of its events were heard.
    fn killed_after(self, most: usize, id: &str) -> Self {
        let told = self.told(id, most);
        let world = self.died();
        let ended = ended(&world.tenant(), id);
        let messages = world.messages(id);
        let roles = pluck(&messages.clone().into(), "role");
        assert_eq!(roles.iter().filter(|role| *role == "user").count(), 1, "{id}: {roles:?}");
        let of_tools = |phase: &str| told.iter().filter(|event| event.payload["data"]["phase"] == phase).count();
        if of_tools("result") > 0 {
            assert_eq!(roles[..3], *USED, "{id}");
        }
        let last = messages.last().expect("a message");
        if ended["status"] == "ok" {
            assert_eq!(last["stopReason"], "stop", "{id}: {last}");
        } else {
            assert!(!told.iter().any(is_final), "{id}: it had ended: {ended}");
            assert!(
                ended["error"].as_str().is_some_and(|error| error.contains("the gateway stopped")),
                "{id}: {ended}"
            );
            assert_eq!(last["stopReason"], "aborted", "{id}: {last}");
            assert!(messages.iter().all(|message| message["stopReason"] != "stop"), "{id}: it had answered: {ended}");
        }
        world.goes_on(id);
        world
    }

    fn send(&self, id: &str) {
        let params = json!({ "sessionKey": key(id), "message": id, "idempotencyKey": id });
        self.tenant().done("chat.send", params);
    }

    /// The events of a turn, until so many were heard or it has ended.
    fn told(&self, id: &str, most: usize) -> Vec<Event> {
        let mut socket = self.tenant().socket();
        socket.subscribe(None);
        self.send(id);
        let mut told = Vec::new();
        while told.len() < most && !told.last().is_some_and(is_final) {
            let event = socket.event();
            if event.payload["runId"] == id {
                told.push(event);
            }
        }
        told
    }

    /// The next message of the same session is answered, and the books agree.
    fn goes_on(&self, id: &str) {
        let next = format!("{id}.next");
        let params = json!({ "sessionKey": key(id), "message": next, "idempotencyKey": next });
        let answered = self.tenant().ok("agent", params);
        assert_eq!((&answered["status"], &answered["summary"]), (&json!("ok"), &json!("It rains.")), "{answered}");
        self.books_agree(id);
    }

    /// Every request has a row of its own; one more is a call that died before it was sent. The report has their sum.
    fn books_agree(&self, id: &str) {
        let rows = rows(self.daemon.home(), "acme");
        let asked = counted(self.model.received().iter().map(|request| model::message(request).to_owned()));
        let billed = counted(rows.iter().map(|row| row.run.clone()));
        let estimated = counted(rows.iter().filter(|row| row.outcome == "estimated").map(|row| row.run.clone()));
        for (run, requests) in &asked {
            let count = billed.get(run).copied().unwrap_or_default();
            let most = requests + estimated.get(run).copied().unwrap_or_default();
            assert!((*requests..=most).contains(&count), "{id}: {run:?} has {requests} requests and {count} rows");
        }
        for row in rows.iter().filter(|row| row.outcome != "estimated") {
            assert_eq!((&*row.outcome, row.input, row.output), ("ok", 20, 4), "{id}: the provider's own numbers");
        }
        let report = self.daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
        let line = &report["rows"][0];
        let cost = usd(rows.iter().map(|row| row.cost_pico_usd).sum());
        assert_eq!((&line["requests"], &line["cost_usd"]), (&json!(rows.len()), &json!(cost)), "{id}: {report}");
        assert_eq!(line["estimated_rows"], json!(estimated.values().sum::<usize>()), "{id}: {report}");
    }

    /// What was said in the session of a turn.
    fn messages(&self, id: &str) -> Vec<Value> {
        let history = self.tenant().ok("chat.history", json!({ "sessionKey": key(id) }));
        history["messages"].as_array().expect("messages").clone()
    }
}

/// Each turn has a session of its own.
fn key(id: &str) -> String {
    format!("agent:main:direct:{id}")
}

fn is_final(event: &Event) -> bool {
    event.event == "chat" && event.payload["state"] == "final"
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
