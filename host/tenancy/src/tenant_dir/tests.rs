use std::os::unix::fs::{MetadataExt, symlink};

use rusqlite::Connection;

use super::TenantDir;
use crate::{DirectoryError, Family, Home};

const FAMILIES: &[&str] = &[
    "sessions",
    "memory",
    "cron",
    "channels",
    "devices",
    "nodes",
    "agents",
    "voicewake",
    "skills",
    "config",
    "health",
    "chat",
    "tenants",
    "terminal",
    "crm",
    "settings",
    "sandbox",
    "plugins",
];

fn tenant() -> (tempfile::TempDir, Home, TenantDir) {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let acme = "acme".parse().unwrap();
    Home::make_tenant_tree(&home.tenants().unwrap(), &acme).unwrap();
    let directory = home.tenant_dir(&acme).unwrap();
    (parent, home, directory)
}

fn family(name: &str) -> Family {
    name.parse().unwrap()
}

#[test]
fn no_family_can_reach_a_database_or_another_familys_files() {
    let places: Vec<_> = FAMILIES.iter().map(|name| (name, super::places(name))).collect();
    for (one, (files, _)) in &places {
        for (other, (others, database)) in &places {
            let within = |path: &str| format!("{path}/").starts_with(&format!("{files}/"));
            assert!(!within(&format!("{database}/state.db")), "{one} holds the database of {other}");
            assert!(one == other || !within(others), "{one} holds the files of {other}");
        }
    }
}

#[test]
fn a_part_is_measured_by_itself() {
    let (_parent, _home, directory) = tenant();
    let before = directory.part_usage("memory").unwrap();
    let notes = directory.root().subdirectory(&"memory/files".parse().unwrap()).unwrap();
    let there = directory.part_usage("memory").unwrap();
    notes.write_atomic(&"notes".parse().unwrap(), &[0; 1000]).unwrap();
    assert!(there >= before);
    assert!(directory.part_usage("memory").unwrap() >= there + 1000);
    assert_eq!(directory.part_usage("nowhere").unwrap(), 0);
}

#[test]
fn places_are_where_the_layout_has_them() {
    let place = |name| super::places(name);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(place("sessions"), pair("sessions/files", "sessions"));
    assert_eq!(place("agents"), pair("agents", "plugins/agents"));
    assert_eq!(place("voicewake"), pair("settings", "plugins/voicewake"));
    assert_eq!(place("crm"), pair("plugins/crm/data", "plugins/crm"));
}

#[test]
fn an_index_lies_beside_its_familys_database_and_is_none_of_the_databases() {
    let (_parent, _home, tenant) = tenant();
    let shown = |name| tenant.index(&family(name), &"main".parse().unwrap()).unwrap().shown;
    assert_eq!(
        (shown("memory"), shown("crm")),
        ("memory/main.sqlite".to_owned(), "plugins/crm/main.sqlite".to_owned())
    );
    let place = tenant.index(&family("memory"), &"state".parse().unwrap()).unwrap();
    assert_ne!(place.name, tenant.family(&family("memory")).unwrap().database.name);
    assert!(tenant.databases().unwrap().is_empty());
}

#[test]
fn sqlite_opens_a_database_by_its_handle() {
    let (parent, _home, tenant) = tenant();
    let place = tenant.family(&family("sessions")).unwrap().database;
    let db = Connection::open(place.path().unwrap()).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
    assert!(parent.path().join("tenants/acme/sessions/state.db").is_file());
    place.path().unwrap();
}

#[test]
fn a_database_that_is_a_link_or_a_directory_is_refused() {
    for name in ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"] {
        let (parent, _home, tenant) = tenant();
        let place = tenant.family(&family("crm")).unwrap().database;
        let planted = parent.path().join("tenants/acme/plugins/crm").join(name);
        symlink("../../config.yaml", &planted).unwrap();
        assert!(matches!(place.path(), Err(DirectoryError::NotRegular)), "{name}");
        std::fs::remove_file(&planted).unwrap();
        std::fs::create_dir(&planted).unwrap();
        assert!(matches!(place.path(), Err(DirectoryError::NotRegular)), "{name}");
    }
}

#[test]
fn a_family_directory_that_is_a_link_is_refused() {
    let (parent, _home, tenant) = tenant();
    symlink("../agents", parent.path().join("tenants/acme/sessions/files")).unwrap();
    assert!(matches!(tenant.family(&family("sessions")), Err(DirectoryError::Link)));
}

#[test]
fn the_workspace_belongs_to_whom_it_is_given_and_is_no_link() {
    let (parent, _home, tenant) = tenant();
    let own = std::fs::metadata(parent.path()).unwrap().uid();
    let owner = if own == 0 { 200_007 } else { own };
    tenant.workspace(Some(owner)).unwrap();
    let path = parent.path().join("tenants/acme/sandbox/work");
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), owner);
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().uid(), own, "what is above stays ours");
    std::fs::remove_dir(&path).unwrap();
    symlink("../../agents", &path).unwrap();
    assert!(matches!(tenant.workspace(None), Err(DirectoryError::Link)));
}
