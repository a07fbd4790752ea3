use std::collections::BTreeSet;

use super::*;

fn manifest(shared: &str) -> Manifest {
    let text = format!(
        r#"{{"family": "crm", "version": "1.0.0", "sharedDocuments": {shared}, "methods":
            [{{"name": "crm.x", "scope": "read", "params": {{"type": "object"}}, "result": {{}}}}]}}"#
    );
    Manifest::parse(text.as_bytes()).expect("a manifest")
}

fn listed(grants: &[&str]) -> Grants {
    Grants::parse(grants).expect("grants")
}

/// The capability that is missing; none where everything is granted.
fn missing(grants: &[&str], shared: &str) -> Option<String> {
    listed(grants).missing(&[], &manifest(shared)).pop()
}

const READ: &str = r#"[{"family": "sessions", "collection": "sessions"}]"#;
const WRITE: &str = r#"[{"family": "sessions", "collection": "sessions", "access": "write"}]"#;

#[test]
fn a_collection_is_read_where_that_is_granted() {
    assert_eq!(missing(&["documents:sessions/sessions"], READ), None);
    assert_eq!(missing(&[], READ).as_deref(), Some("documents:sessions/sessions"));
    assert_eq!(missing(&["documents:sessions/archives"], READ).as_deref(), Some("documents:sessions/sessions"));
}

#[test]
fn reading_does_not_grant_writing() {
    assert_eq!(missing(&["documents:sessions/sessions"], WRITE).as_deref(), Some("documents:sessions/sessions:write"));
}

#[test]
fn writing_grants_reading() {
    assert_eq!(missing(&["documents:sessions/sessions:write"], WRITE), None);
    assert_eq!(missing(&["documents:sessions/sessions:write"], READ), None);
}

fn import(name: &str) -> String {
    format!("openclaw:gateway/{name}@0.1.0")
}

#[test]
fn an_import_that_is_not_granted_is_missing_by_name() {
    let missing = |grants: &[&str], name| listed(grants).missing(&[import(name)], &manifest("[]"));
    assert_eq!(missing(&[], "documents"), [""; 0]);
    assert_eq!(missing(&[], "shared-documents-write"), [""; 0], "decided on the manifest");
    assert_eq!(missing(&["usage"], "usage"), [""; 0]);
    assert_eq!(missing(&["usage"], "secrets"), ["secrets"]);
    assert_eq!(missing(&[], "workspace"), ["directory:workspace"]);
    assert_eq!(missing(&["directory:workspace:write"], "workspace"), [""; 0]);
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let imports = ["config", "documents", "secrets-reveal", "usage"].map(import);
    let missing = listed(&["usage"]).missing(&imports, &manifest(WRITE));
    assert_eq!(missing, ["config", "secrets-reveal", "documents:sessions/sessions:write"]);
}

#[test]
fn an_import_that_is_not_served_is_refused_granted_or_not() {
    let unserved = check_served([&*import("channels")]).expect_err("it is not served");
    assert!(matches!(&unserved, LoadError::Unserved { .. }), "{unserved}");
    assert!(check_served([&*import("secrets"), "wasi:io/streams@0.2.0"]).is_ok());
}

#[test]
fn a_manifest_that_names_single_secrets_asks_for_those_alone() {
    let text = r#"{"family": "crm", "version": "1.0.0", "capabilities": [{"grant": "secret:key:reveal"}], "methods":
        [{"name": "crm.x", "scope": "read", "params": {"type": "object"}, "result": {}}]}"#;
    let manifest = Manifest::parse(text.as_bytes()).expect("a manifest");
    let imports = ["secrets", "secrets-reveal"].map(import);
    assert_eq!(listed(&[]).missing(&imports, &manifest), ["secret:key:reveal"]);
    let grants = listed(&["secret:key:reveal"]);
    assert_eq!(grants.missing(&imports, &manifest), [""; 0]);
    assert!(grants.allow_secret("key") && grants.allow_reveal("key"));
    assert!(!grants.allow_secret("other") && !grants.allow_reveal("other"));
    assert!(!listed(&["secret:key"]).allow_reveal("key"));
}

#[test]
fn a_grant_reads_as_it_is_written() {
    for text in [
        "config",
        "secrets-reveal",
        "documents:sessions/notes",
        "documents:sessions/notes:write",
        "secret:key",
        "secret:key:reveal",
        "directory:workspace",
        "directory:workspace:write",
        "http:api.example.com",
        "http:*.example.com:8443",
        "method:sessions.list",
        "model",
        "model:small",
        "model-usd-per-day:1.5",
        "embeddings",
        "vectors",
        "sandbox",
        "sandbox:docker",
        "pty",
        "tasks",
        "timers",
        "nodes",
        "channels",
        "memory-mb:32",
        "sticky:2",
    ] {
        assert_eq!(text.parse::<Grant>().map(|grant| grant.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn what_is_no_grant_is_named() {
    for text in [
        "",
        "all",
        "http:",
        "http:*",
        "memory-mb:0",
        "model-usd-per-day:",
        "model-usd-per-day:-1",
        "model-usd-per-day:lots",
        "sticky:0",
        "sticky:9",
        "directory:/etc",
        "documents:sessions",
        "secret:a:b",
    ] {
        let error = text.parse::<Grant>().expect_err(text).to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}

#[test]
fn a_wider_grant_covers_a_narrower_one() {
    let covers =
        |granted: &str, asked: &str| granted.parse::<Grant>().expect(granted).covers(&asked.parse().expect(asked));
    assert!(covers("http:*.example.com", "http:api.example.com:443"));
    assert!(!covers("http:*.example.com", "http:example.com"));
    assert!(!covers("http:*.example.com", "http:badexample.com"));
    assert!(!covers("http:example.com:443", "http:example.com"));
    assert!(covers("directory:workspace:write", "directory:workspace"));
    assert!(!covers("directory:workspace", "directory:workspace:write"));
    assert!(covers("model", "model:small") && !covers("model:small", "model"));
    assert!(covers("model-usd-per-day:2", "model-usd-per-day:1.5") && !covers("model", "model-usd-per-day:1"));
    assert!(covers("sticky:4", "sticky:2") && !covers("sticky:1", "sticky:2"));
    assert!(covers("memory-mb:64", "memory-mb:32") && !covers("memory-mb:16", "memory-mb:32"));
    assert!(covers("secrets", "secret:key") && !covers("secrets", "secret:key:reveal"));
}

#[test]
fn a_version_that_is_brought_back_has_the_least_budget_of_all() {
    let texts = |grants: &[&str]| grants.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let within = |own: &[&str], others: &[&str]| Grants::within(&texts(own), &[Arc::new(listed(others))]);
    assert_eq!(within(&["model"], &["model", "model-usd-per-day:2"]), ["model", "model-usd-per-day:2"]);
    assert_eq!(within(&["model", "model-usd-per-day:1"], &["model"]), ["model", "model-usd-per-day:1"]);
    assert_eq!(within(&["model-usd-per-day:3", "config"], &["model-usd-per-day:2"]), ["model-usd-per-day:2"]);
    assert_eq!(within(&["model"], &["model"]), ["model"]);
}

/// What is linked, and what it takes to have it, are two lists of one thing.
#[test]
fn every_interface_that_is_served_is_in_exactly_one_list() {
    let bindings = include_str!("../bindings.rs");
    let linked: Vec<&str> = bindings
        .lines()
        .filter_map(|line| line.trim().strip_prefix("import openclaw:gateway/")?.split('@').next())
        .collect();
    assert!(linked.contains(&"documents"), "{linked:?}");
    let lists = [FREE, BASIC, RESTRICTED];
    for interface in &linked {
        assert_eq!(lists.iter().filter(|list| list.contains(interface)).count(), 1, "{interface}");
    }
    for interface in lists.into_iter().flatten() {
        assert!(linked.contains(interface), "{interface} is not linked");
    }
}

#[test]
fn a_grant_of_what_nothing_serves_is_told_apart() {
    let grants =
        listed(&["config", "timers", "http:example.com", "documents:sessions/sessions", "sandbox:bwrap", "method:x.y"]);
    assert_eq!(grants.unserved(), ["timers"]);
}

#[test]
fn our_own_components_ask_the_hosts_that_are_listed_and_no_others() {
    let none = Grants::Builtin(Vec::new());
    assert!(none.allow_interface("model") && none.allow_workspace_writes());
    assert!(!none.allow_host("example.com", 443));
    assert_eq!(none.model_budget(), None);
    let one = Grants::builtin(&listed(&["http:example.com:443", "config", "model-usd-per-day:2"]));
    assert_eq!(one.model_budget(), "2".parse().ok(), "and they spend what they are given");
    assert!(one.allow_host("example.com", 443));
    assert!(!one.allow_host("example.com", 80) && !one.allow_host("example.org", 443));
}

#[test]
fn each_interface_that_is_served_has_a_row_for_authors_and_no_other_has() {
    let page = include_str!("../../../../docs/handlers.md");
    let (_, section) = page.split_once("\n## What a grant gives\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another one behind it");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let links = rows.flat_map(|row| row.split("](capabilities.md#").skip(1));
    let told: BTreeSet<&str> = links.filter_map(|link| link.split(')').next()).collect();
    let served = [FREE, BASIC, RESTRICTED, BY_COLLECTION].into_iter().flatten().copied();
    assert_eq!(told, served.collect());
}
