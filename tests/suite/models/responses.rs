//! `/v1/responses` for a provider that knows only chat completions: the scripted one stands for them.

use super::*;

const RESPONSES: &str = "/v1/responses";

#[test]
fn a_whole_answer_is_a_response_with_its_cost() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, RESPONSES, &json!({ "model": "small", "input": "what about the weather?" }));
    assert_eq!(response.status, 200, "{}", response.text());
    let answer = response.json();
    assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(answer["output"][0]["content"][0]["text"], "It rains.");
    assert_eq!(answer["store"], false, "nothing is kept of it");
    let row = &calls(&daemon, "acme")[0];
    assert_eq!(
        (&answer["usage"]["input_tokens"], &answer["usage"]["output_tokens"]),
        (&row["input_tokens"], &row["output_tokens"])
    );
    assert_eq!(row["request_id"].as_str(), response.header("x-openclaw-call-id"));
    assert!(
        response
            .header("x-openclaw-cost-usd")
            .is_some_and(|cost| row["cost_usd"].as_str().expect("a cost").starts_with(cost))
    );
}

#[test]
fn a_stream_has_the_events_that_its_clients_wait_for() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let response = post(&tenant, RESPONSES, &json!({ "model": "small", "input": "weather", "stream": true }));
    let text = response.text();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((names.first(), names.last()), (Some(&"response.created"), Some(&"response.completed")));
    let events: Vec<Value> = data(&response).iter().map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(said, "It rains.");
    for (number, (event, name)) in events.iter().zip(&names).enumerate() {
        assert_eq!((&event["type"], &event["sequence_number"]), (&json!(name), &json!(number)));
    }
    assert!(!text.contains("[DONE]"), "{text}");
    assert!(text.contains(": cost-usd "), "the cost comes as a comment: {text}");
    assert_eq!(calls(&daemon, "acme").len(), 1, "the row is there before the last byte");
}

#[test]
fn tools_are_called_in_the_form_of_responses() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let tools = json!([{ "type": "function", "name": "ls", "parameters": { "type": "object" } }]);
    let call = json!({ "type": "function_call", "call_id": "call_0", "name": "ls", "arguments": "{}" });
    let asked = post(&tenant, RESPONSES, &json!({ "model": "small", "input": "list", "tools": tools })).json();
    let told = &asked["output"][0];
    assert_eq!(
        (&told["type"], &told["name"], &told["call_id"]),
        (&json!("function_call"), &json!("ls"), &call["call_id"])
    );
    let result = json!({ "type": "function_call_output", "call_id": "call_0", "output": "the weather.txt" });
    let input = json!([{ "role": "user", "content": "list" }, call, result]);
    let answer = post(&tenant, RESPONSES, &json!({ "model": "small", "input": input, "tools": tools })).json();
    assert_eq!(answer["output"][0]["content"][0]["text"], "It rains.", "the model reads the result last");
}

#[test]
fn what_has_no_form_there_is_refused_before_it_is_reserved() {
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    let file = json!([{ "role": "user", "content": [{ "type": "input_file", "file_id": "x" }] }]);
    for (body, name) in [
        (json!({ "model": "small", "input": file }), "input_file"),
        (json!({ "model": "small", "input": "x", "previous_response_id": "resp_1" }), "previous_response_id"),
    ] {
        let refused = post(&tenant, RESPONSES, &body);
        assert_eq!((refused.status, refused.text().contains(name)), (400, true), "{}", refused.text());
    }
    assert_eq!(calls(&daemon, "acme"), [] as [Value; 0]);
}
