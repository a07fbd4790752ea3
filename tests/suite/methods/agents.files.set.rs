//! `agents.files.set`: replaces one file.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("agents.files.set", |_| json!({ "agentId": "main", "name": "SOUL.md", "content": "x" }));
}

#[test]
fn writes_the_file_where_state_md_says() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let set = tenant.ok("agents.files.set", json!({ "agentId": "main", "name": "MEMORY.md", "content": "likes tea" }));
    has_fields(&set, "ok agentId workspace file");
    assert_eq!(set["ok"], true);
    assert_eq!(set["file"]["path"], "agents/main/MEMORY.md");
    assert_eq!(set["file"]["size"], 9);
    let path = daemon.home().tenant("acme").join("agents/main/MEMORY.md");
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "likes tea");
}

#[test]
fn only_the_names_of_the_list_can_be_written() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for name in ["notes.md", "../../config.yaml", "..\\x", "/etc/cron.d/x", "SOUL.md/x"] {
        let error = tenant.err("agents.files.set", json!({ "agentId": "main", "name": name, "content": "x" }));
        assert_eq!(error.code, -32602, "{name:?}: {error}");
    }
}

#[test]
fn the_last_of_many_writers_wins_whole() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let contents: Vec<String> = (0..8).map(|n| n.to_string().repeat(50_000)).collect();
    std::thread::scope(|scope| {
        for content in &contents {
            let tenant = &tenant;
            scope.spawn(move || {
                tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": content }));
            });
        }
    });
    let got = tenant.ok("agents.files.get", json!({ "agentId": "main", "name": "SOUL.md" }));
    let content = got["file"]["content"].as_str().expect("content");
    assert!(contents.iter().any(|one| one == content), "the file is torn");
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error =
        daemon.tenant("acme").err("agents.files.set", json!({ "agentId": "ghost", "name": "SOUL.md", "content": "x" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}
