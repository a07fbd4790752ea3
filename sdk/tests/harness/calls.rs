//! A call is checked as the host checks it.

#![allow(clippy::disallowed_methods, reason = "a manifest of this test")]

use crate::{call, handler, refused, tenant};
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

#[test]
fn the_manifest_says_what_the_attributes_say() {
    let manifest: Value = serde_json::from_slice(&handler::probe::manifest()).unwrap();
    assert_eq!(manifest["family"], "probe");
    assert_eq!(manifest["version"], "1.0.0");
    assert_eq!(manifest["description"], "Does one thing with each capability.");
    assert_eq!(manifest["events"], json!(["probe.done"]));
    assert_eq!(
        manifest["sharedDocuments"],
        json!([
            {"family": "sessions", "collection": "sessions", "access": "read"},
            {"family": "sessions", "collection": "archives", "access": "write"},
        ])
    );
    assert_eq!(manifest["capabilities"], json!([{"grant": "memory-mb:8", "reason": "holds nothing"}]));
    let echo = &manifest["methods"][0];
    let text = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": false,
    });
    assert_eq!(
        echo,
        &json!({
            "name": "probe.echo",
            "summary": "Answers what it was sent.",
            "tier": "tenant",
            "scope": "read",
            "params": text,
            "result": text,
        })
    );
}

#[test]
fn parameters_that_the_schema_forbids_are_named() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "probe.echo", json!({"text": "a"})), Ok(json!({"text": "a"})));
    for (params, word) in [(json!({"text": "a", "more": 1}), "more"), (json!({}), "text"), (json!({"text": 1}), "text")]
    {
        let error = refused(&tenant, "probe.echo", params);
        assert_eq!(error.code, "INVALID_REQUEST");
        assert!(error.message.contains(word), "{error:?}");
    }
    assert_eq!(refused(&tenant, "probe.none", json!({})).message, "method not found: probe.none");
}

#[test]
fn an_answer_that_the_schema_forbids_is_the_components_failure() {
    let error = refused(&tenant(), "probe.lie", json!({}));
    assert_eq!(error.code, "COMPONENT_FAILED", "{error:?}");
}

#[test]
fn only_the_codes_of_the_contract_reach_a_client() {
    let tenant = tenant();
    for (told, shown) in [("CONFLICT", "CONFLICT"), ("TEAPOT", "INTERNAL"), ("QUOTA_EXCEEDED", "INTERNAL")] {
        assert_eq!(refused(&tenant, "probe.refuse", json!({"text": told})).code, shown);
    }
}

#[test]
fn a_scope_that_the_caller_lacks_is_refused() {
    let reader = tenant().with_scopes(["read"]);
    assert_eq!(call(&reader, "probe.echo", json!({"text": "a"})), Ok(json!({"text": "a"})));
    let error = refused(&reader, "probe.keep", json!({"text": "a"}));
    assert_eq!((error.code.as_str(), error.data.as_deref()), ("FORBIDDEN", Some(r#"{"scope":"write"}"#)));
}

#[test]
fn a_handler_knows_whose_call_it_answers() {
    let facts = |tenant: &Tenant| call(tenant, "probe.facts", json!({}));
    let own = json!(["probe.facts", "probe", "acme", false, ["read", "write", "pairing", "approvals"]]);
    assert_eq!(facts(&tenant()), Ok(own));
    assert_eq!(facts(&tenant().as_operator()), Ok(json!(["probe.facts", "probe", "acme", true, ["admin"]])));
    let gateway = tenant().as_gateway();
    assert_eq!(facts(&gateway), Ok(json!(["probe.facts", "probe", null, true, ["admin"]])));
    assert_eq!(refused(&gateway, "probe.keep", json!({"text": "a"})).code, "INVALID_REQUEST");
}

#[test]
fn what_is_not_granted_is_forbidden_by_its_name() {
    let tenant = tenant().without_grant("documents").without_grant("documents:sessions/sessions");
    for (method, params, name) in [
        ("probe.keep", json!({"text": "a"}), "documents"),
        ("probe.sessions", json!({}), "sessions/sessions"),
        ("probe.usage", json!({}), "usage"),
        ("probe.run", json!({"text": "true"}), "sandbox"),
        ("probe.shell", json!({"text": "ls"}), "pty"),
        ("probe.ask", json!({"text": "why"}), "model"),
        ("probe.embed", json!({"text": "a"}), "embeddings"),
        ("probe.command", json!({"text": "ping"}), "nodes"),
        ("probe.send", json!({"text": "telegram"}), "channels"),
        ("probe.forward", json!({"text": "other.method"}), "other.method"),
    ] {
        let error = refused(&tenant, method, params);
        assert_eq!(error.code, "FORBIDDEN", "{method}: {error:?}");
        assert!(error.message.contains(name) && error.message.contains("not granted"), "{method}: {error:?}");
    }
}

#[test]
fn time_stands_still_until_it_is_moved_and_chance_repeats() {
    let run = || {
        let tenant = tenant().with_seed(7);
        tenant.set_clock(1_000);
        let answer = call(&tenant, "probe.wait", json!({}));
        (answer, tenant.now_ms())
    };
    let (answer, now) = run();
    assert_eq!(now, 61_000);
    assert_eq!(run().0, answer);
    let answer = answer.unwrap();
    assert_eq!((&answer["wall"], &answer["monotonic"]), (&json!(60_000), &json!(60_000.0)));
}
