//! What agents remember, in the real daemon: whose it is, what becomes of it, and how much of it there may be.

use std::{fs, path::PathBuf};

use crate::contract::*;

const NOTE: &str = "The invoice of the bakery is due on Friday";

fn put(tenant: &Client, path: &str, text: &str) {
    tenant.done("memory.put", json!({ "path": path, "text": text }));
}

/// The paths that are found, the nearest first.
fn found(tenant: &Client, params: Value) -> Vec<String> {
    pluck(&tenant.ok("memory.search", params)["results"], "path")
}

fn index_of(daemon: &Daemon, tenant: &str, agent: &str) -> PathBuf {
    daemon.home().tenant(tenant).join(format!("memory/{agent}.sqlite"))
}

/// A file of a tenant's workspace, from outside.
fn write(daemon: &Daemon, tenant: &str, path: &str, text: &str) {
    let file = daemon.home().tenant(tenant).join("sandbox/work").join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("the workspace");
    fs::write(file, text).expect("a file");
}

#[test]
fn two_tenants_memories_share_nothing() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    put(&a, "memory/bills.md", &format!("{NOTE} {MARK}"));
    write(&daemon, "a", "memory/more.md", MARK);
    put(&b, "memory/bills.md", NOTE);
    assert_eq!(found(&a, json!({ "query": MARK, "minScore": 0.0 })).len(), 2);
    for query in [MARK, NOTE] {
        let all = b.ok("memory.search", json!({ "query": query, "minScore": 0.0, "maxResults": 50 }));
        assert!(!all.to_string().contains(MARK), "{all}");
    }
    assert_eq!(b.ok("memory.status", json!({}))["chunks"], 1);
    let files = daemon.home().files_with(MARK);
    assert!(!files.is_empty() && files.iter().all(|file| file.starts_with("tenants/a/")), "{files:?}");
}

#[test]
fn two_agents_of_a_tenant_share_nothing() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("agents.create", json!({ "name": "helper" }));
    put(&tenant, "memory/bills.md", NOTE);
    write(&daemon, "acme", "memory/main.md", NOTE);
    write(&daemon, "acme", "memory/helper/own.md", NOTE);
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "MEMORY.md", "content": NOTE }));
    let of = |agent: &str| {
        let mut paths = found(&tenant, json!({ "query": "bakery invoice", "agentId": agent }));
        paths.sort();
        paths
    };
    assert_eq!(of("main"), ["MEMORY.md", "memory/bills.md", "memory/main.md"]);
    assert_eq!(of("helper"), ["memory/helper/own.md"]);
}

#[test]
fn a_file_is_indexed_again_when_it_has_changed() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    write(&daemon, "acme", "memory/a.md", NOTE);
    write(&daemon, "acme", "memory/b.md", "Our dog likes long walks");
    let index = || tenant.ok("memory.index", json!({}));
    let first = index();
    assert_eq!((&first["files"], &first["chunks"], &first["embedded"]), (&json!(2), &json!(2), &json!(2)), "{first}");
    assert_eq!(index()["embedded"], 0);
    write(&daemon, "acme", "memory/a.md", "The garage repairs the van");
    assert_eq!(found(&tenant, json!({ "query": "garage van" })), ["memory/a.md"]);
    assert_eq!(found(&tenant, json!({ "query": "bakery invoice" })), [""; 0]);
    let again = tenant.ok("memory.index", json!({ "force": true }));
    assert_eq!((&again["embedded"], &again["cached"]), (&json!(0), &json!(2)), "{again}");
    fs::remove_file(daemon.home().tenant("acme").join("sandbox/work/memory/a.md")).expect("it is there");
    assert_eq!(found(&tenant, json!({ "query": "garage van" })), [""; 0]);
}

#[test]
fn what_is_remembered_survives_a_kill() {
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    put(&tenant, "memory/bills.md", NOTE);
    daemon.kill();
    let daemon = Daemon::start_on(daemon.into_home()).expect("it starts again");
    let tenant = daemon.client(tenant.token());
    assert_eq!(found(&tenant, json!({ "query": "bakery invoice" })), ["memory/bills.md"]);
    assert_eq!(tenant.ok("memory.status", json!({}))["dirty"], false);
}

#[test]
fn a_damaged_index_is_made_again_from_its_texts() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    put(&tenant, "memory/bills.md", NOTE);
    let home = daemon.into_home();
    let index = home.tenant("acme").join("memory/main.sqlite");
    fs::write(&index, "no database").expect("the index");
    // What a kill may leave: SQLite would read the pages from there.
    let _ = fs::remove_file(index.with_extension("sqlite-wal"));
    let daemon = Daemon::start_on(home).expect("it starts");
    let tenant = daemon.client(tenant.token());
    assert_eq!(tenant.err("memory.search", json!({ "query": "bakery" })).name(), "UNAVAILABLE");
    assert_eq!(tenant.ok("memory.status", json!({}))["vectorAvailable"], false);
    assert_eq!(tenant.ok("memory.index", json!({ "force": true }))["chunks"], 1);
    assert_eq!(found(&tenant, json!({ "query": "bakery invoice" })), ["memory/bills.md"]);
}

#[test]
fn an_agent_is_forgotten_with_all_that_it_remembered() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for name in ["helper", "help"] {
        tenant.done("agents.create", json!({ "name": name }));
    }
    tenant.done("memory.put", json!({ "agentId": "help", "path": "memory/a.md", "text": format!("{NOTE} {MARK}") }));
    tenant.done("memory.put", json!({ "agentId": "helper", "path": "memory/a.md", "text": NOTE }));
    assert!(index_of(&daemon, "acme", "help").is_file());
    tenant.done("agents.delete", json!({ "agentId": "help" }));
    assert!(!index_of(&daemon, "acme", "help").exists());
    assert_eq!(daemon.home().files_with(MARK), Vec::<PathBuf>::new());
    let kept = found(&tenant, json!({ "query": "bakery invoice", "agentId": "helper" }));
    assert_eq!(kept, ["memory/a.md"]);
    tenant.done("agents.create", json!({ "name": "help" }));
    let namesake = tenant.ok("memory.status", json!({ "agentId": "help" }));
    assert_eq!((&namesake["files"], &namesake["chunks"]), (&json!(0), &json!(0)));
}

#[test]
fn a_tenants_namesake_remembers_nothing() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    put(&tenant, "memory/a.md", NOTE);
    tenant.done("tenants.delete", json!({ "confirm": true }));
    assert!(!daemon.home().tenant("acme").exists());
    let namesake = daemon.tenant("acme");
    assert_eq!(found(&namesake, json!({ "query": NOTE, "minScore": 0.0 })), [""; 0]);
}

#[test]
fn a_memory_counts_as_what_its_tenant_has_on_the_disk() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    put(&tenant, "memory/small.md", NOTE);
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "disk_bytes": 2 << 20 } }));
    let text = "A line of many that fill the memory of an agent.\n".repeat(9_000);
    let refused = tenant.err("memory.put", json!({ "path": "memory/large.md", "text": text }));
    assert_eq!(refused.name(), "QUOTA_EXCEEDED", "{refused}");
    assert_eq!(found(&tenant, json!({ "query": "bakery invoice" })), ["memory/small.md"], "what is there is found");
}

#[test]
fn a_link_in_the_workspace_leads_nowhere() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("a");
    put(&daemon.tenant("b"), "memory/secret.md", MARK);
    write(&daemon, "a", "memory/own.md", NOTE);
    let secret = daemon.home().tenant("b").join("memory/files/main/memory/secret.md");
    assert!(secret.is_file());
    let link = daemon.home().tenant("a").join("sandbox/work/memory/link.md");
    std::os::unix::fs::symlink(secret, link).expect("a link");
    let all = tenant.ok("memory.search", json!({ "query": MARK, "minScore": 0.0, "maxResults": 50 }));
    assert!(!all.to_string().contains(MARK), "{all}");
    assert_eq!(found(&tenant, json!({ "query": "bakery invoice" })), ["memory/own.md"]);
}

const SCRIPT: &str = r#"answers:
  - {when: "remembered as", text: ["Noted."]}
  - {when: "remember", toolCalls: [{name: memory_write, arguments: {text: "The invoice of the bakery is due on Friday"}}]}
  - {when: "due on Friday", text: ["On Friday."]}
  - {when: "what of the bakery", toolCalls: [{name: memory_search, arguments: {query: "bakery invoice"}}]}
  - {text: ["What?"]}
"#;

#[test]
fn an_agent_remembers_in_one_session_what_it_is_asked_for_in_another() {
    let home = Home::warm();
    let script = home.path().join("script.yaml");
    fs::write(&script, SCRIPT).expect("a script");
    home.configure(&format!(
        "models:\n  default: small\n  providers:\n    - {{id: script, kind: scripted, script: {script:?}, models: [small]}}\n\
         billing:\n  rate_card:\n    small: {{input: 1, output: 2}}\n"
    ));
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"));
    let tenant = daemon.tenant("acme");
    let ask = |tenant: &Client, id: &str, text: &str| {
        let params = json!({ "message": text, "idempotencyKey": id, "sessionKey": format!("agent:main:{id}") });
        tenant.ok("agent", params)["summary"].clone()
    };
    assert_eq!(ask(&tenant, "r1", "remember the bakery"), "Noted.");
    assert_eq!(ask(&tenant, "r2", "what of the bakery"), "On Friday.");
    let other = daemon.tenant("other");
    assert_ne!(ask(&other, "r1", "what of the bakery"), "On Friday.", "nobody else's agent does");
}
