//! A memory as its callers see it, with an embedding that counts letters.

use crate::handler::HANDLER;
use openclaw_sdk::testing::Tenant;
use openclaw_sdk::{Error, Result};
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;

const MODEL: u32 = 26;

fn letters(text: &str) -> Vec<f32> {
    let mut counts = vec![0.0; MODEL as usize];
    for letter in text.to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        counts[usize::from(letter - b'a')] += 1.0;
    }
    counts
}

/// A tenant whose agents are main and ada, and how many texts were embedded so far.
fn tenant() -> (Tenant, Rc<Cell<u32>>) {
    let embedded = Rc::new(Cell::new(0));
    let count = Rc::clone(&embedded);
    let tenant = Tenant::new(HANDLER)
        .with_config(json!({ "agents": { "list": [{ "id": "ada" }] } }))
        .with_method("agents.files.list", |_| Ok(json!({ "files": [] })))
        .with_embedder(MODEL, move |text| {
            count.set(count.get() + 1);
            Ok(letters(text))
        });
    (tenant, embedded)
}

fn call(tenant: &Tenant, method: &str, params: Value) -> Result<Value> {
    tenant.call(method, params)
}

fn put(tenant: &Tenant, path: &str, text: &str) {
    call(tenant, "memory.put", json!({ "path": path, "text": text })).unwrap();
}

/// The paths that are found, the nearest first.
fn found(tenant: &Tenant, params: Value) -> Vec<String> {
    let found = call(tenant, "memory.search", params).unwrap();
    found["results"].as_array().unwrap().iter().map(|hit| hit["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_put_is_found_with_its_lines() {
    let (tenant, _) = tenant();
    put(&tenant, "memory/bills.md", "# Bills\n\nThe invoice of the bakery is due.");
    put(&tenant, "memory/dogs.md", "zzz");
    let found = call(&tenant, "memory.search", json!({ "query": "bakery invoice" })).unwrap();
    let hit = &found["results"][0];
    assert_eq!((&hit["path"], &hit["startLine"], &hit["endLine"]), (&json!("memory/bills.md"), &json!(1), &json!(3)));
    assert_eq!((&hit["source"], &hit["id"]), (&json!("memory"), &json!("memory/bills.md#0")));
    assert_eq!(found["results"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((&found["provider"], &found["model"]), (&json!("played"), &json!("test")));
}

#[test]
fn a_workspace_file_is_indexed_when_it_changes_and_forgotten_when_it_is_gone() {
    let (tenant, embedded) = tenant();
    tenant.workspace().write("memory/a.md", b"bakery").unwrap();
    tenant.workspace().write("memory/not-markdown.txt", b"bakery").unwrap();
    assert_eq!(call(&tenant, "memory.status", json!({})).unwrap()["dirty"], true);
    let index = || call(&tenant, "memory.index", json!({})).unwrap();
    assert_eq!(index(), json!({ "files": 1, "chunks": 1, "embedded": 1, "cached": 0, "durationMs": 0 }));
    assert_eq!(index()["embedded"], 0, "nothing has changed");
    tenant.workspace().write("memory/a.md", b"garage").unwrap();
    assert_eq!(found(&tenant, json!({ "query": "garage" })), ["memory/a.md"]);
    assert_eq!(found(&tenant, json!({ "query": "bky" })), [""; 0]);
    tenant.workspace().write("memory/a.md", b"bakery").unwrap();
    let before = embedded.get();
    assert_eq!(index()["cached"], 1, "it was known once");
    assert_eq!(embedded.get(), before);
    tenant.workspace().remove("memory/a.md").unwrap();
    assert_eq!(index()["files"], 0);
    assert_eq!(call(&tenant, "memory.status", json!({})).unwrap()["chunks"], 0);
}

#[test]
fn agents_share_nothing() {
    let (tenant, _) = tenant();
    put(&tenant, "memory/secret.md", "canary");
    tenant.workspace().write("memory/main.md", b"canary").unwrap();
    tenant.workspace().write("memory/ada/own.md", b"canary").unwrap();
    assert_eq!(found(&tenant, json!({ "query": "canary", "agentId": "ada" })), ["memory/ada/own.md"]);
    let mut of_main = found(&tenant, json!({ "query": "canary" }));
    of_main.sort();
    assert_eq!(of_main, ["memory/main.md", "memory/secret.md"]);
    let nobody = call(&tenant, "memory.search", json!({ "query": "canary", "agentId": "nobody" }));
    assert_eq!(nobody.unwrap_err().code, "NOT_FOUND");
}

#[test]
fn the_agents_own_file_is_part_of_its_memory() {
    let (tenant, _) = tenant();
    let tenant = tenant
        .with_method("agents.files.list", |_| {
            let file = |name: &str| json!({ "name": name, "missing": false, "size": 6, "updatedAtMs": 1 });
            Ok(json!({ "files": [file("SOUL.md"), file("MEMORY.md")] }))
        })
        .with_method("agents.files.get", |params| {
            assert_eq!(params, &json!({ "agentId": "main", "name": "MEMORY.md" }));
            Ok(json!({ "file": { "name": "MEMORY.md", "missing": false, "content": "bakery" } }))
        });
    assert_eq!(found(&tenant, json!({ "query": "bakery" })), ["MEMORY.md"]);
}

#[test]
fn what_is_deleted_is_forgotten_one_by_one_or_all_at_once() {
    let (tenant, _) = tenant();
    put(&tenant, "a.md", "bakery");
    put(&tenant, "b.md", "bakery");
    let delete = |path: &str| call(&tenant, "memory.delete", json!({ "path": path })).unwrap()["removed"].clone();
    assert_eq!((delete("a.md"), delete("a.md")), (json!(1), json!(0)));
    assert_eq!(found(&tenant, json!({ "query": "bakery" })), ["b.md"]);
    assert_eq!(delete("."), 1);
    assert_eq!(found(&tenant, json!({ "query": "bakery" })), [""; 0]);
    assert!(tenant.files("memory").list("").unwrap().is_empty(), "no text stays");
}

#[test]
fn a_shorter_text_leaves_nothing_of_the_longer_one() {
    let (tenant, _) = tenant();
    put(&tenant, "a.md", &"a line of words that fills a chunk or two\n".repeat(200));
    let chunks = || call(&tenant, "memory.status", json!({})).unwrap()["chunks"].as_u64().unwrap();
    assert!(chunks() > 4);
    put(&tenant, "a.md", "short");
    assert_eq!(chunks(), 1);
}

#[test]
fn another_model_has_everything_embedded_again() {
    let (tenant, _) = tenant();
    put(&tenant, "a.md", "bakery");
    let tenant = tenant.with_embedder(2, |text| Ok(vec![1.0, text.len() as f32]));
    let status = || call(&tenant, "memory.status", json!({})).unwrap();
    assert_eq!((&status()["dirty"], &status()["vectorAvailable"]), (&json!(true), &json!(false)));
    assert_eq!(call(&tenant, "memory.index", json!({})).unwrap()["embedded"], 1);
    assert_eq!((&status()["dims"], &status()["vectorAvailable"]), (&json!(2), &json!(true)));
    assert_eq!(found(&tenant, json!({ "query": "bakery" })), ["a.md"]);
}

#[test]
fn where_nobody_embeds_words_are_searched() {
    let (tenant, _) = tenant();
    put(&tenant, "a.md", "bakery");
    let tenant = tenant.with_embedder(MODEL, |_| Err(Error::unavailable("the provider is down", None)));
    assert_eq!(found(&tenant, json!({ "query": "bakery" })), ["a.md"]);
    let refused = call(&tenant, "memory.put", json!({ "path": "b.md", "text": "new" })).unwrap_err();
    assert_eq!(refused.code, "UNAVAILABLE");
}

#[test]
fn whoever_may_only_read_spends_no_agents_budget() {
    let (tenant, _) = tenant();
    let mut whose = 0;
    let mut paid_by = |tenant: &Tenant, query: &str| {
        found(tenant, json!({ "query": query, "agentId": "ada" }));
        let payers = tenant.embedded_for().split_off(whose);
        whose += payers.len();
        payers
    };
    tenant.workspace().write("memory/ada/a.md", b"bakery").unwrap();
    assert_eq!(paid_by(&tenant, "bakery"), ["ada", "ada"], "what has changed, and what is searched for");
    let reader = tenant.with_scopes(["read"]);
    reader.workspace().write("memory/ada/b.md", b"garage").unwrap();
    assert_eq!(paid_by(&reader, "garage"), ["", ""]);
    assert_eq!(paid_by(&reader.as_operator(), "dogs"), ["ada"]);
}

#[test]
fn results_are_bounded_by_number_score_and_source() {
    let (tenant, _) = tenant();
    for number in 0..9 {
        put(&tenant, &format!("{number}.md"), "bakery");
    }
    let params = json!({ "path": "talk", "text": "bakery", "source": "sessions" });
    call(&tenant, "memory.put", params).unwrap();
    assert_eq!(found(&tenant, json!({ "query": "bakery" })).len(), 6);
    assert_eq!(found(&tenant, json!({ "query": "bakery", "maxResults": 2 })).len(), 2);
    assert_eq!(found(&tenant, json!({ "query": "bakery", "source": "sessions" })), ["talk"]);
    assert_eq!(found(&tenant, json!({ "query": "zzz", "minScore": 0.0 })), [""; 0]);
}

#[test]
fn what_is_too_much_is_refused_and_a_large_workspace_takes_several_calls() {
    let (tenant, _) = tenant();
    let refused = |params: Value| call(&tenant, "memory.put", params).unwrap_err().code;
    assert_eq!(refused(json!({ "path": "a", "text": "x".repeat((512 << 10) + 1) })), "INVALID_REQUEST");
    assert_eq!(refused(json!({ "path": "x".repeat(401), "text": "" })), "INVALID_REQUEST");
    assert_eq!(refused(json!({ "path": "a\nb", "text": "" })), "INVALID_REQUEST");
    for name in ["a", "b", "c"] {
        tenant.workspace().write(&format!("memory/{name}.md"), name.repeat(300 << 10).as_bytes()).unwrap();
    }
    assert_eq!(call(&tenant, "memory.index", json!({})).unwrap()["files"], 1);
    tenant.run_tasks();
    assert_eq!(call(&tenant, "memory.status", json!({})).unwrap()["files"], 3);
}
