//! `/v1` as a client of OpenAI's interface sees it.

use super::*;

const HI: &str = r#"{"id":"chatcmpl-1","model":"small-2026","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"x_new":[1]}"#;
const STOP: &str = r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
const WHOLE: &str = r#"{ "id": "chatcmpl-2", "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}, "x_new": 1.50}"#;

#[test]
fn a_whole_answer_comes_to_the_byte_and_tells_its_cost() {
    let upstream = Upstream::whole("200 OK", WHOLE);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let mut body = says("list");
    body["tools"] = json!([{ "type": "function", "function": { "name": "ls" } }]);
    body["x_ours"] = json!({ "a": 1 });
    let response = post(&tenant, CHAT, &body);
    assert_eq!((response.status, response.text()), (200, WHOLE.to_owned()));
    assert_eq!(response.header("x-openclaw-cost-usd"), Some("0.000011"));
    assert_eq!(response.header("x-openclaw-outcome"), Some("ok"));
    let sent = &upstream.received()[0];
    assert_eq!((&sent["tools"], &sent["x_ours"], &sent["max_tokens"]), (&body["tools"], &body["x_ours"], &json!(100)));
    let rows = calls(&daemon, "acme");
    assert_eq!(rows[0]["request_id"].as_str(), response.header("x-openclaw-call-id"));
    assert_eq!((&rows[0]["tool_calls"], &rows[0]["cost_usd"]), (&json!(1), &json!("0.000011000000")));
    is_sound(&daemon);
}

#[test]
fn a_stream_comes_as_it_is_and_ends_once_it_is_billed() {
    let upstream = Upstream::streaming(&[Some(HI), Some(STOP), Some(USAGE), Some("[DONE]")]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &streams("hello"));
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    assert_eq!(data(&response), [HI, STOP, "[DONE]"]);
    assert!(response.text().contains(": cost-usd 0.000011 outcome ok\n"), "{}", response.text());
    assert_eq!(calls(&daemon, "acme").len(), 1, "the row is there before the last byte");

    let mut body = streams("hello");
    body["stream_options"] = json!({ "include_usage": true });
    assert_eq!(data(&post(&tenant, CHAT, &body)), [HI, STOP, USAGE, "[DONE]"]);
}

#[test]
fn the_scripted_model_answers_as_any_other() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &says("what about the weather?"));
    let answer = response.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "It rains.");
    assert_eq!(
        (&answer["object"], &answer["choices"][0]["finish_reason"]),
        (&json!("chat.completion"), &json!("stop"))
    );
    let chunks = data(&post(&tenant, CHAT, &streams("weather")));
    assert_eq!(chunks.last().map(String::as_str), Some("[DONE]"));
    let call = post(&tenant, CHAT, &says("list")).json()["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!(call["function"], json!({ "name": "ls", "arguments": "{\"path\":\".\"}" }));
    let unnamed = json!({ "messages": [{ "role": "user", "content": "weather" }] });
    assert_eq!(post(&tenant, CHAT, &unnamed).status, 200, "models.default answers");
}

#[test]
fn models_are_those_that_have_a_price() {
    let upstream = Upstream::whole("200 OK", WHOLE);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let listed = get(&tenant, "/v1/models").json();
    let offered = vec!["small".to_owned(), "agent:main".to_owned()];
    assert_eq!((&listed["object"], pluck(&listed["data"], "id")), (&json!("list"), offered));
    assert_eq!(get(&tenant, "/v1/models/small").json()["owned_by"], "up");
    let missing = get(&tenant, "/v1/models/unpriced");
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!("model_not_found")));
    let refused =
        post(&tenant, CHAT, &json!({ "model": "unpriced", "messages": [{ "role": "user", "content": "x" }] }));
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(upstream.received().is_empty(), "nothing is called that has no price");
}

#[test]
fn embeddings_and_responses() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let answer = post(&tenant, "/v1/embeddings", &json!({ "model": "small", "input": ["a bakery", "a dog"] })).json();
    assert_eq!((answer["data"].as_array().map(Vec::len), &answer["data"][1]["index"]), (Some(2), &json!(1)));
    let delta =
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n";
    let done = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    let upstream = Upstream::start([head, delta, done].map(|text| upstream::Step::Send(text.to_owned())).to_vec());
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, "/v1/responses", &json!({ "model": "small", "input": "hi", "stream": true }));
    assert!(response.text().starts_with(&format!("{delta}{done}")), "{}", response.text());
    assert_eq!(upstream.received()[0]["store"], false, "a provider keeps nothing of a tenant");
    assert_eq!(calls(&daemon, "acme")[0]["cost_usd"], "0.000011000000");
}

#[test]
fn errors_have_the_shape_that_its_clients_read() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let nobody = Request::new("POST", CHAT).header("Content-Type", "application/json").body(says("x").to_string());
    for (response, status, code) in [
        (daemon.send(&nobody), 401, "invalid_api_key"),
        (daemon.send(&nobody.clone().token("tk_acme_00000000000000000000000000000000")), 401, "invalid_api_key"),
        (post(&tenant, CHAT, &json!({ "model": "gone", "messages": [{}] })), 404, "model_not_found"),
        (post(&tenant, CHAT, &json!({ "model": "agent:main", "messages": [{}] })), 400, "invalid_request"),
        (post(&tenant, CHAT, &json!({ "model": "small", "messages": [] })), 400, "invalid_request"),
        (post(&tenant, CHAT, &json!([])), 422, "invalid_request"),
        (daemon.send(&request(&tenant, CHAT, &says("x")).header("X-OpenClaw-Scopes", "read")), 403, "forbidden"),
    ] {
        assert_eq!(response.status, status, "{}", response.text());
        let error = &response.json()["error"];
        has_fields(error, "message type code param request_id scope?");
        assert_eq!(error["code"], code, "{error}");
    }
}

#[test]
fn a_provider_that_fails_is_told_as_a_failure_and_not_by_its_own_words_about_the_key() {
    let upstream =
        Upstream::whole("401 Unauthorized", r#"{"error":{"message":"Incorrect API key provided: sk-canary"}}"#);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, CHAT, &says("x"));
    assert_eq!((response.status, &response.json()["error"]["type"]), (502, &json!("server_error")));
    assert!(!response.text().contains("canary") && !daemon.log().contains("canary"), "{}", daemon.log());
    let row = &calls(&daemon, "acme")[0];
    assert_eq!((&row["cost_usd"], &row["input_tokens"]), (&json!("0.000000000000"), &json!(0)));
    is_sound(&daemon);
}

#[test]
fn a_stream_that_breaks_off_says_so_and_is_billed() {
    let upstream = Upstream::streaming(&[Some(HI)]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let told = data(&post(&tenant, CHAT, &streams("hello")));
    assert_eq!(told[0], HI);
    let error: Value = serde_json::from_str(&told[1]).expect("JSON");
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("broke off")), "{error}");
    assert_eq!(told.len(), 2, "it is not done");
    assert_eq!(wait_for_calls(&daemon, "acme", 1)[0]["output_tokens"], 1);
}

#[test]
fn a_stream_ends_with_the_token_that_began_it() {
    let upstream = Upstream::streaming(&[Some(HI), None, Some(STOP), Some(USAGE), Some("[DONE]")]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    let mut connection = openclaw_tests::Connection::open(tenant.address()).expect("a connection");
    connection.write_request(&request(&tenant, CHAT, &streams("hello"))).expect("it is sent");
    connection.await_status().expect("an answer begins");
    tenant.done("tenants.rotate", json!({}));
    let rest = String::from_utf8_lossy(&connection.rest().expect("it is closed")).into_owned();
    assert!(rest.contains("Hi") && !rest.contains("[DONE]"), "{rest}");
    upstream.go();
    assert_eq!(wait_for_calls(&daemon, "acme", 1)[0]["input_tokens"], 9, "what was used is billed");
}

#[test]
fn another_configuration_is_in_force_for_the_next_call() {
    let upstream = Upstream::whole("200 OK", WHOLE);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    assert_eq!(post(&tenant, CHAT, &says("x")).header("x-openclaw-cost-usd"), Some("0.000011"));
    daemon.home().configure(&config(&upstream).replace("output: 2", "output: 20"));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for_log("the configuration is reloaded");
    assert_eq!(post(&tenant, CHAT, &says("x")).header("x-openclaw-cost-usd"), Some("0.000029"));
    daemon.home().configure(&config(&upstream).replace("output: 2", "outptu: 2"));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for_log("the configuration stays as it was");
    assert_eq!(post(&tenant, CHAT, &says("x")).header("x-openclaw-cost-usd"), Some("0.000029"));
}
