//! Capabilities that have no form in memory are played by the test.

use crate::{call, handler, refused, tenant};
use openclaw_sdk::Error;
use openclaw_sdk::http::Response;
use openclaw_sdk::sandbox::{Outcome, ResourceUsage};
use serde_json::{Value, json};

#[test]
fn a_command_is_run_by_the_test() {
    let tenant = tenant().with_sandbox(|workload| {
        assert_eq!(workload.command, ["uname", "-a"]);
        Ok(Outcome {
            exit_code: Some(0),
            signal: None,
            reason: "exit".into(),
            stdout: b"Linux".to_vec(),
            stderr: Vec::new(),
            truncated: false,
            usage: ResourceUsage { cpu_ms: 1, peak_memory_bytes: 1, wall_ms: 1 },
            mode: "bwrap".into(),
        })
    });
    assert_eq!(call(&tenant, "probe.run", json!({"text": "uname -a"})), Ok(json!("Linux")));
}

#[test]
fn a_terminal_answers_what_is_typed() {
    let tenant = tenant().with_terminal(|input| Ok([b"$ ", input].concat()));
    assert_eq!(call(&tenant, "probe.shell", json!({"text": "ls\n"})), Ok(json!("$ ls\n")));
}

#[test]
fn a_host_answers_what_it_is_asked() {
    let tenant = tenant().with_http(|request| match request.url.as_str() {
        "https://api.example.com/v1/rates" => {
            assert_eq!((request.method.as_str(), &request.body[..]), ("GET", &b""[..]));
            Ok(Response { status: 200, headers: vec![("x-rate".into(), b"1.5".to_vec())], body: b"rates".to_vec() })
        }
        other => Err(Error::forbidden(format!("{other} is not granted"))),
    });
    let fetch = |url: &str| call(&tenant, "probe.fetch", json!({"text": url}));
    assert_eq!(fetch("https://api.example.com/v1/rates"), Ok(json!([200, "1.5", "rates"])));
    assert_eq!(fetch("https://elsewhere.example.com/").map_err(|error| error.code), Err("FORBIDDEN".into()));
}

#[test]
fn without_a_host_that_is_played_none_is_reached() {
    let error = refused(&tenant(), "probe.fetch", json!({"text": "https://api.example.com/v1/rates"}));
    assert_eq!(error.code, "FORBIDDEN", "{error:?}");
}

#[test]
fn a_model_answers_in_pieces() {
    let tenant = tenant().with_model(|request| {
        let asked = request["messages"][0].as_str().unwrap_or_default().to_owned();
        Ok(vec![("reasoning".into(), json!("hm")), ("text".into(), json!("you asked ")), ("text".into(), asked.into())])
    });
    assert_eq!(call(&tenant, "probe.ask", json!({"text": "why"})), Ok(json!("you asked why")));

    let broke = tenant.with_model(|_| Err(Error::unavailable("the provider is down", Some(1000))));
    let error = refused(&broke, "probe.ask", json!({"text": "why"}));
    assert_eq!((error.code.as_str(), error.retry_after_ms), ("UNAVAILABLE", Some(1000)));
}

#[test]
fn an_embedder_embeds_by_the_tests_rule() {
    let tenant = tenant().with_embedder(1, |text| Ok(vec![text.len() as f32]));
    assert_eq!(call(&tenant, "probe.embed", json!({"text": "four"})), Ok(json!([4.0])));
}

#[test]
fn texts_are_embedded_for_an_agent_that_is_there() {
    let tenant = tenant()
        .with_config(json!({"agents": {"list": [{"id": "ada"}]}}))
        .with_embedder(1, |text| Ok(vec![text.len() as f32]));
    let sign = |agent: &str| call(&tenant, "probe.sign", json!({"text": agent}));
    assert_eq!((sign("ada"), sign("main")), (Ok(json!([3.0])), Ok(json!([4.0]))));
    assert_eq!(sign("bob").map_err(|error| error.code), Err("INVALID_REQUEST".into()));
}

#[test]
fn a_node_obeys_the_test() {
    let tenant = tenant().with_nodes(&["phone"], |sent| Ok(json!([sent.node_id, sent.command])));
    assert_eq!(call(&tenant, "probe.command", json!({"text": "ping"})), Ok(json!(["phone", "ping"])));
}

#[test]
fn a_message_is_kept() {
    let tenant = tenant().with_channel("telegram", "");
    assert_eq!(call(&tenant, "probe.send", json!({"text": "telegram"})), Ok(json!("message-1")));
    assert_eq!(refused(&tenant, "probe.send", json!({"text": "fax"})).code, "NOT_FOUND");
    let [message] = tenant.messages().try_into().unwrap();
    assert_eq!((message.to.as_str(), message.text.as_str()), ("ann", "hello"));
}

#[test]
fn another_familys_method_is_played_or_its_own() {
    let tenant = tenant().with_method("other.hello", |params| Ok(json!({"heard": params["text"]})));
    let heard: Value = call(&tenant, "probe.forward", json!({"text": "other.hello"})).unwrap();
    assert_eq!(heard, json!({"heard": "other.hello"}));

    let both = tenant.with_handler(handler::other::HANDLER);
    assert_eq!(call(&both, "probe.forward", json!({"text": "other.echo"})), Ok(json!({"text": "other.echo"})));
}

#[test]
fn methods_that_call_each_other_without_end_are_stopped() {
    let error = refused(&tenant(), "probe.forward", json!({"text": "probe.forward"}));
    assert_eq!(error.code, "INVALID_REQUEST");
    assert!(error.message.contains("4 deep"), "{error:?}");
}
