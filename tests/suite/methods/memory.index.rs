//! `memory.index`: what has changed of an agent's files.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("memory.index", |_| json!({}));
}

#[test]
fn counts_what_it_made_and_what_it_had() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let set = |text: &str| {
        tenant.done("agents.files.set", json!({ "agentId": "main", "name": "MEMORY.md", "content": text }));
        tenant.ok("memory.index", json!({}))
    };
    let counted =
        |indexed: &Value| ["files", "chunks", "embedded", "cached"].map(|name| indexed[name].as_u64().unwrap());
    let first = set("The bakery is closed.");
    has_fields(&first, "files chunks embedded cached durationMs");
    assert_eq!(counted(&first), [1, 1, 1, 0]);
    assert_eq!(counted(&tenant.ok("memory.index", json!({}))), [1, 1, 0, 0]);
    assert_eq!(counted(&set("The bakery is open.")), [1, 1, 1, 0]);
    assert_eq!(counted(&set("The bakery is closed.")), [1, 1, 0, 1], "that was embedded before");
}
