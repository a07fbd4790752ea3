//! `memory.search`: what an agent remembers of something.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("memory.search", |_| json!({ "query": "bakery", "minScore": 0.0 }));
}

#[test]
fn answers_the_nearest_chunks_with_their_lines() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("memory.put", json!({ "path": "memory/bills.md", "text": "# Bills\n\nThe bakery's invoice is due." }));
    tenant.done("memory.put", json!({ "path": "memory/dogs.md", "text": "Our dog likes long walks." }));
    let found = tenant.ok("memory.search", json!({ "query": "bakery invoice" }));
    has_fields(&found, "results provider model");
    assert_eq!((&found["provider"], &found["model"]), (&json!("builtin"), &json!("hashed-ngram-v1")));
    assert_eq!(pluck(&found["results"], "path"), ["memory/bills.md"]);
    let hit = &found["results"][0];
    has_fields(hit, "id path source startLine endLine score text");
    assert_eq!((&hit["startLine"], &hit["endLine"], &hit["source"]), (&json!(1), &json!(3), &json!("memory")));
    assert!(hit["score"].as_f64().is_some_and(|score| (0.35..=1.0).contains(&score)), "{hit}");
}

#[test]
fn six_are_answered_unless_more_are_asked_for() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for number in 0..8 {
        tenant.done("memory.put", json!({ "path": format!("{number}.md"), "text": "The bakery is closed." }));
    }
    let count = |params: Value| tenant.ok("memory.search", params)["results"].as_array().map(Vec::len);
    assert_eq!(count(json!({ "query": "bakery closed" })), Some(6));
    assert_eq!(count(json!({ "query": "bakery closed", "maxResults": 8 })), Some(8));
    assert_eq!(count(json!({ "query": "bakery closed", "source": "sessions" })), Some(0));
    for wrong in
        [json!({ "query": "x", "maxResults": 51 }), json!({ "query": "x", "minScore": 2 }), json!({ "query": " " })]
    {
        assert_eq!(tenant.err("memory.search", wrong).name(), "INVALID_REQUEST");
    }
    assert_eq!(tenant.err("memory.search", json!({ "query": "x", "agentId": "nobody" })).name(), "NOT_FOUND");
}
