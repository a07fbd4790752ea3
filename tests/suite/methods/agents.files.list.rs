//! `agents.files.list`: the files that shape an agent.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.files.list", |_| json!({ "agentId": "main" }));
}

#[test]
fn tells_those_that_are_missing_too() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "kind" }));
    let list = tenant.ok("agents.files.list", json!({ "agentId": "main" }));
    has_fields(&list, "agentId workspace files");
    assert_eq!(list["workspace"], "agents/main");
    let names = pluck(&list["files"], "name");
    for name in
        ["AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md", "BOOTSTRAP.md", "MEMORY.md"]
    {
        assert!(names.contains(&name.to_owned()), "{name} is not in {names:?}");
    }
    for file in list["files"].as_array().expect("files") {
        has_fields(file, "name path missing size? updatedAtMs?");
        assert_eq!(file["missing"], file["name"] != "SOUL.md", "{file}");
        assert_eq!(file["path"], format!("agents/main/{}", file["name"].as_str().unwrap_or_default()));
        if file["name"] == "SOUL.md" {
            assert_eq!(file["size"], 4);
            is_unix_ms(&file["updatedAtMs"]);
        }
    }
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("agents.files.list", json!({ "agentId": "ghost" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}
