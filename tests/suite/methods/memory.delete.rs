//! `memory.delete`: what is under a path is forgotten.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("memory.delete", |_| json!({ "path": "memory/a.md" }));
}

#[test]
fn one_path_is_forgotten_or_everything() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for path in ["a.md", "b.md", "c.md"] {
        tenant.done("memory.put", json!({ "path": path, "text": format!("The bakery is closed. {MARK}") }));
    }
    let delete = |path: &str| tenant.ok("memory.delete", json!({ "path": path }));
    assert_eq!(delete("a.md"), json!({ "removed": 1 }));
    assert_eq!(delete("a.md"), json!({ "removed": 0 }));
    let found = tenant.ok("memory.search", json!({ "query": "bakery closed" }));
    assert_eq!(found["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(delete("."), json!({ "removed": 2 }));
    assert_eq!(tenant.ok("memory.status", json!({}))["files"], 0);
    assert_eq!(daemon.home().files_with(MARK), Vec::<std::path::PathBuf>::new(), "nothing of it is in a file");
}

#[test]
fn an_id_that_no_agent_can_have_is_refused() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for agent in ["../acme", "a/b", "", "A", "."] {
        let error = tenant.err("memory.delete", json!({ "path": ".", "agentId": agent }));
        assert_eq!(error.name(), "INVALID_REQUEST", "{agent:?}: {error}");
    }
}
