//! An agent as a model: `agent:<id>` on `/v1`.

use openclaw_tests::{Connection, wait_until};

use super::*;
use crate::chat::{ended, talking, work};

fn asks(text: &str) -> Value {
    json!({ "model": "agent:main", "messages": [{ "role": "user", "content": text }] })
}

fn asks_for_a_stream(text: &str) -> Value {
    let mut body = asks(text);
    body["stream"] = true.into();
    body["stream_options"] = json!({ "include_usage": true });
    body
}

fn chunks(response: &openclaw_tests::Response) -> Vec<Value> {
    let data = data(response);
    let (done, chunks) = data.split_last().expect("a stream");
    assert_eq!(done, "[DONE]", "{data:?}");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).expect("JSON")).collect()
}

/// The words of a session.
fn transcript(client: &Client, key: &str) -> Vec<String> {
    let history = client.ok("chat.history", json!({ "sessionKey": key }));
    let messages = history["messages"].as_array().expect("messages");
    messages.iter().filter_map(|message| message["content"][0]["text"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_turn_is_told_as_a_completion_with_what_all_its_calls_took() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &asks("run it"));
    assert_eq!(response.status, 200, "{}", response.text());
    let answer = response.json();
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("The command has run."), &json!("stop"))
    );
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("agent:main")));
    let usage = &answer["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(50), &json!(13)),
        "both calls of the model"
    );
    assert_eq!(response.header("x-openclaw-cost-usd"), Some("0.000076"));
    assert!(work(&daemon, "acme", "made").exists(), "the agent used its sandbox");
    let run = response.header("x-openclaw-run-id").expect("the run is named");
    assert_eq!(ended(&tenant, run)["status"], "ok");
}

#[test]
fn the_rows_of_a_turn_carry_its_run_and_those_of_a_plain_model_none() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let run = || post(&tenant, CHAT, &asks("run it")).header("x-openclaw-run-id").expect("a run").to_owned();
    let (first, second) = (run(), run());
    assert_eq!(post(&tenant, CHAT, &says("weather")).status, 200);
    let rows = rows::rows(daemon.home(), "acme");
    let whose: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.run, &*row.agent)).collect();
    let (first, second) = ((&*first, "main"), (&*second, "main"));
    assert_eq!(whose, [first, first, second, second, ("", "")]);
}

#[test]
fn a_stream_says_what_the_agent_says_and_ends_with_its_usage() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &asks_for_a_stream("run it"));
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let chunks = chunks(&response);
    let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "The command has run.");
    let last = chunks.last().expect("a chunk");
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(13)));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert!(response.text().contains(": cost-usd 0.000076 outcome ok\n"), "{}", response.text());
}

#[test]
fn a_session_is_the_users_or_the_named_one_and_else_a_fresh_one() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let mut by_ann = asks("weather one");
    by_ann["user"] = json!("ann");
    assert_eq!(post(&tenant, CHAT, &by_ann).header("x-openclaw-session-key"), Some("agent:main:openai-user:ann"));
    by_ann["messages"][0]["content"] = json!("weather two");
    post(&tenant, CHAT, &by_ann);
    let words = transcript(&tenant, "agent:main:openai-user:ann");
    assert_eq!(words, ["weather one", "It rains.", "weather two", "It rains."], "it is one conversation");

    let named = request(&tenant, CHAT, &asks("weather three")).header("X-OpenClaw-Session-Key", "agent:main:main");
    assert_eq!(daemon.send(&named).status, 200);
    assert_eq!(transcript(&tenant, "agent:main:main"), ["weather three", "It rains."]);
    let of_another = request(&tenant, CHAT, &asks("weather")).header("X-OpenClaw-Session-Key", "agent:ada:main");
    assert_eq!(daemon.send(&of_another).status, 422, "a session belongs to its agent");

    let fresh = || post(&tenant, CHAT, &asks("weather")).header("x-openclaw-session-key").map(str::to_owned);
    assert_ne!(fresh(), fresh());
}

#[test]
fn it_is_asked_by_responses_too() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let whole = post(&tenant, "/v1/responses", &json!({ "model": "openclaw:main", "input": "weather" })).json();
    assert_eq!(whole["output"][0]["content"][0]["text"], "It rains.");
    assert_eq!((&whole["usage"]["input_tokens"], &whole["usage"]["output_tokens"]), (&json!(9), &json!(4)));
    let stream = post(&tenant, "/v1/responses", &json!({ "model": "agent:main", "input": "weather", "stream": true }));
    let text = stream.text();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((names.first(), names.last()), (Some(&"response.created"), Some(&"response.completed")), "{text}");
    assert!(names.contains(&"response.output_text.delta"), "{text}");
}

#[test]
fn a_client_that_goes_away_ends_the_run() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let mut body = asks_for_a_stream("wait for it");
    body["user"] = json!("ann");
    let mut connection = Connection::open(tenant.address()).expect("a connection");
    connection.write_request(&request(&tenant, CHAT, &body)).expect("it is sent");
    wait_until("the command runs", || work(&daemon, "acme", "begun").exists());
    drop(connection);
    let key = "agent:main:openai-user:ann";
    wait_until("the run is marked as ended", || {
        let sessions = tenant.ok("sessions.list", json!({}));
        let rows = sessions["sessions"].as_array().expect("sessions").clone();
        rows.iter().any(|row| row["key"] == key && row["abortedLastRun"] == true)
    });
    let mut next = asks("weather");
    next["user"] = json!("ann");
    assert_eq!(post(&tenant, CHAT, &next).status, 200, "the session goes on");
}

#[test]
fn what_fails_is_told_in_the_shape_that_its_clients_read() {
    let daemon = talking();
    let tenant = daemon.tenant("acme");
    let nobody = |stream: bool| {
        let mut body = asks("weather");
        body["model"] = json!("agent:nobody");
        body["stream"] = stream.into();
        post(&tenant, CHAT, &body)
    };
    for refused in [nobody(false), nobody(true)] {
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (404, &json!("model_not_found")));
    }
    let mut tools = asks("weather");
    tools["tools"] = json!([{ "type": "function", "function": { "name": "ls" } }]);
    assert_eq!(post(&tenant, CHAT, &tools).json()["error"]["type"], "invalid_request_error");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "tokens_per_day": 10 } }));
    for body in [asks("weather"), asks_for_a_stream("weather")] {
        let refused = post(&tenant, CHAT, &body);
        assert_eq!((refused.status, &refused.json()["error"]["type"]), (429, &json!("insufficient_quota")));
        assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    }
    assert_eq!(calls(&daemon, "acme"), [] as [Value; 0], "the provider was not reached");
}

/// Whoever checks a configuration knows the tools that there are.
#[test]
fn every_tool_that_a_model_is_told_of_has_a_name_for_policies() {
    let text = r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":4}}"#;
    let upstream = Upstream::streaming(&[Some(text), Some(usage), Some("[DONE]")]);
    let config = config(&upstream).replacen("models:\n", "models:\n  default: small\n", 1);
    let daemon = Daemon::start_with(&config);
    let tenant = daemon.tenant("acme");
    tenant.done("agent", json!({ "message": "hello", "idempotencyKey": "r1" }));
    let asked = &upstream.received()[0];
    let tools = asked["tools"].as_array().expect("tools").iter().map(|tool| tool["function"]["name"].clone());
    let groups = ["fs", "runtime", "memory", "web", "sessions"].map(|group| json!(format!("group:{group}")));
    let mut known: Vec<Value> = tools.chain(groups).collect();
    assert!(known.contains(&json!("exec")), "{known:?}");
    let warnings = |denied: &[Value]| {
        tenant.done("config.set", json!({ "raw": json!({ "tools": { "deny": denied } }).to_string() }));
        tenant.ok("config.get", json!({}))["warnings"].clone()
    };
    assert_eq!(warnings(&known), json!([]));
    known.push("exek".into());
    let told = warnings(&known);
    assert_eq!(told[0]["path"], format!("tools.deny[{}]", known.len() - 1), "{told}");
    assert!(told[0]["message"].as_str().is_some_and(|told| told.contains("did you mean \"exec\"?")), "{told}");
}

#[test]
fn agents_are_listed_among_the_models_of_their_tenant() {
    let daemon = talking();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    a.done("agents.create", json!({ "name": "Ada" }));
    let listed = |client: &Client| pluck(&get(client, "/v1/models").json()["data"], "id");
    assert_eq!(listed(&a), ["small", "agent:main", "agent:ada"]);
    assert_eq!(listed(&b), ["small", "agent:main"], "the agents are the tenant's own");
    assert_eq!(get(&a, "/v1/models/agent:ada").status, 200);
    assert_eq!(get(&b, "/v1/models/agent:ada").status, 404);
}
