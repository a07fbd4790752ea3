use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rusqlite::Connection;

use super::TenantDir;
use crate::{DirectoryError, Family, Home, NAME_BYTES};

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
    "exec",
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
fn the_parts_are_told_apart_from_the_whole() {
    let (parent, _home, directory) = tenant();
    let root = parent.path().join("tenants/acme");
    for name in ["memory/files", "sandbox/work", "sandbox/workshop", "agents"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    let before = directory.usage().unwrap();
    std::fs::write(root.join("sandbox/work/report"), [0; 1000]).unwrap();
    std::fs::write(root.join("memory/files/note"), [0; 2000]).unwrap();
    std::fs::write(root.join("sandbox/workshop/tool"), [0; 4000]).unwrap();
    let after = directory.usage().unwrap();
    assert_eq!(after.workspace - before.workspace, 1000 + NAME_BYTES);
    assert_eq!(after.memory - before.memory, 2000 + NAME_BYTES);
    assert_eq!(after.agents, before.agents);
    assert_eq!(after.bytes - before.bytes, 7000 + 3 * NAME_BYTES);
    assert_eq!(after.bytes, directory.root().disk_usage().unwrap());
}

#[test]
fn a_part_that_is_not_there_takes_nothing_and_one_that_cannot_be_measured_is_an_error() {
    let (parent, _home, directory) = tenant();
    let root = parent.path().join("tenants/acme");
    for (part, above) in [("memory", "memory"), ("sandbox/work", "sandbox/work"), ("sandbox/work", "sandbox")] {
        std::fs::remove_dir_all(root.join(above)).unwrap();
        let usage = directory.usage().unwrap();
        assert_eq!(if part == "memory" { usage.memory } else { usage.workspace }, 0, "{above}");
        symlink("agents", root.join(above)).unwrap();
        assert!(matches!(directory.usage(), Err(DirectoryError::Link)), "{above}");
        std::fs::remove_file(root.join(above)).unwrap();
        std::fs::write(root.join(above), "").unwrap();
        assert!(matches!(directory.usage(), Err(DirectoryError::NotDirectory)), "{above}");
        std::fs::remove_file(root.join(above)).unwrap();
        std::fs::create_dir_all(root.join(part)).unwrap();
    }
}

#[test]
fn a_workspace_that_a_workload_shut_is_measured_all_the_same() {
    let (parent, _home, directory) = tenant();
    let work = parent.path().join("tenants/acme/sandbox/work");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("report"), [0; 1000]).unwrap();
    std::fs::set_permissions(&work, std::fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(directory.usage().unwrap().workspace, 1000 + NAME_BYTES);
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
fn indexes_are_those_that_there_are_each_once() {
    let (parent, _home, tenant) = tenant();
    assert!(tenant.indexes().unwrap().is_empty());
    for (name, index) in [("memory", "main"), ("memory", "lost"), ("crm", "a-b")] {
        tenant.index(&family(name), &index.parse().unwrap()).unwrap();
    }
    let files = ["memory/main.sqlite", "memory/main.sqlite-wal", "memory/lost.sqlite-wal", "plugins/crm/a-b.sqlite"];
    for file in files.into_iter().chain(["memory/state.db", "memory/files/own.sqlite", "memory/NONE.sqlite"]) {
        let file = parent.path().join("tenants/acme").join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let shown: Vec<String> = tenant.indexes().unwrap().into_iter().map(|place| place.shown).collect();
    assert_eq!(shown, ["memory/lost.sqlite", "memory/main.sqlite", "plugins/crm/a-b.sqlite"]);
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
