//! The operator's embedding model, as the family `memory` uses it: metered, cached, and missed without harm.

use super::{
    rows::rows,
    upstream::{Step, streamed, whole},
    *,
};

const ANSWER: &str = r#"{"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [1, 0]}], "model": "small", "usage": {"prompt_tokens": 5, "total_tokens": 5}}"#;

fn embedding_by(upstream: &Upstream, dimensions: u32) -> Daemon {
    let embedding = format!("models:\n  embedding: {{model: small, dimensions: {dimensions}}}\n");
    Daemon::start_with(&config(upstream).replacen("models:\n", &embedding, 1))
}

#[test]
fn each_text_is_embedded_and_billed_once() {
    let upstream = Upstream::whole("200 OK", ANSWER);
    let daemon = embedding_by(&upstream, 2);
    let tenant = daemon.tenant("acme");
    let put = |path: &str| tenant.done("memory.put", json!({ "path": path, "text": "bakery" }));
    put("a.md");
    put("b.md");
    let asked = upstream.received();
    assert_eq!(asked.len(), 1, "the second is known: {asked:?}");
    assert_eq!((&asked[0]["model"], &asked[0]["input"]), (&json!("small"), &json!(["bakery"])));
    let found = tenant.ok("memory.search", json!({ "query": "a question" }));
    assert_eq!((&found["model"], &found["results"][0]["score"]), (&json!("small"), &json!(0.7)), "{found}");
    let rows = calls(&daemon, "acme");
    assert_eq!(pluck(&Value::from(rows.clone()), "cost_usd"), ["0.000005000000"; 2], "{rows:?}");
    is_sound(&daemon);
}

#[test]
fn an_answer_of_another_shape_is_nobodys_vector() {
    let upstream = Upstream::whole("200 OK", ANSWER);
    let daemon = embedding_by(&upstream, 3);
    let error = daemon.tenant("acme").err("memory.put", json!({ "path": "a.md", "text": "bakery" }));
    assert_eq!(error.name(), "UNAVAILABLE", "{error}");
    assert!(error.message.contains("3 numbers"), "{error}");
}

#[test]
fn a_spent_budget_leaves_the_words() {
    let upstream = Upstream::whole("200 OK", ANSWER);
    let daemon = embedding_by(&upstream, 2);
    let tenant = daemon.tenant("acme");
    tenant.done("memory.put", json!({ "path": "a.md", "text": "bakery" }));
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "tokens_per_day": 1 } }));
    let found = tenant.ok("memory.search", json!({ "query": "bakery" }));
    assert_eq!(pluck(&found["results"], "path"), ["a.md"]);
    assert_eq!(upstream.received().len(), 1, "the provider was not asked again");
    let refused = tenant.err("memory.put", json!({ "path": "b.md", "text": "garage" }));
    assert_eq!(refused.name(), "QUOTA_EXCEEDED", "{refused}");
}

#[test]
fn what_an_agent_remembers_counts_for_the_agent() {
    let upstream = Upstream::whole("200 OK", ANSWER);
    let daemon = embedding_by(&upstream, 2);
    let tenant = daemon.tenant("acme");
    let quotas = |quotas: &str| {
        tenant.done("config.set", json!({ "raw": format!("agents: {{list: [{{id: night, quotas: {quotas}}}]}}\n") }));
    };
    let put = |agent: &str, text: &str| {
        tenant.call("memory.put", json!({ "agentId": agent, "path": format!("{text}.md"), "text": text })).map(drop)
    };
    quotas("{}");
    assert_eq!(put("night", "bakery"), Ok(()));
    let looked_for = json!({ "agentId": "night", "query": "a question" });
    tenant.with_scopes("read").done("memory.search", looked_for);
    let sums = daemon.operator().ok("billing.rollup", json!({ "tenantId": "acme", "unit": "month" }));
    let of = |row: &Value| (row["agent"].clone(), row["input_tokens"].clone());
    let sums: Vec<_> = sums["rows"].as_array().expect("rows").iter().map(of).collect();
    assert_eq!(sums, [(json!(""), json!(5)), (json!("night"), json!(5))], "a reader spends the tenant's alone");

    quotas("{tokens_per_day: 5}");
    let refused = put("night", "garage").expect_err("its budget is spent");
    assert_eq!((refused.name(), &refused.data["quota"]), ("QUOTA_EXCEEDED", &json!("agent.tokens_per_day")));
    let found = tenant.ok("memory.search", json!({ "agentId": "night", "query": "bakery" }));
    assert_eq!(pluck(&found["results"], "path"), ["bakery.md"], "by its words alone");
    assert_eq!(put("main", "garage"), Ok(()), "the others go on");
    is_sound(&daemon);
}

#[test]
fn what_a_turn_has_embedded_is_that_turns_in_the_ledger() {
    let upstream = Upstream::answering(remembers_what_it_hears);
    let models = "models:\n  default: small\n  embedding: {model: small, dimensions: 2}\n";
    let daemon = Daemon::start_with(&config(&upstream).replacen("models:\n", models, 1));
    let tenant = daemon.tenant("acme");
    let answered = tenant.ok("agent", json!({ "message": "remember it", "idempotencyKey": "r1" }));
    assert_eq!(answered["status"], "ok", "{answered}");
    tenant.done("memory.put", json!({ "path": "b.md", "text": "garage" }));
    let rows = rows(daemon.home(), "acme");
    let of: Vec<_> = rows.iter().map(|row| (&*row.agent, &*row.session, &*row.run)).collect();
    let (turn, client) = (("main", "agent:main:main", "r1"), ("main", "", ""));
    assert_eq!(of, [turn, turn, turn, client], "the model, the embedding, the model; and a client's own");
    is_sound(&daemon);
}

/// A model that has its agent remember something, and then answers.
fn remembers_what_it_hears(request: &Value) -> Vec<Step> {
    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":4}}"#;
    const CALL: &str = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"memory_write","arguments":"{\"text\":\"bakery\"}"}}]}}]}"#;
    if request["input"].is_array() {
        return whole("200 OK", ANSWER);
    }
    let messages = request["messages"].as_array().expect("messages");
    let has_remembered = messages.last().is_some_and(|last| last["role"] == "tool");
    let said = if has_remembered { r#"{"choices":[{"delta":{"content":"Yes."}}]}"# } else { CALL };
    let reason = if has_remembered { "stop" } else { "tool_calls" };
    let stop = json!({ "choices": [{ "delta": {}, "finish_reason": reason }] }).to_string();
    streamed(&[Some(said), Some(&stop), Some(USAGE), Some("[DONE]")])
}
