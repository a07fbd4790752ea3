//! What a crash or damage leaves, and what is made of it.

use openclaw_control::ControlError;
use rusqlite::Connection;

use super::{Gateway, id, open};
use crate::{Actor, Quotas, RegistryError};

fn edit(gateway: &Gateway, sql: &str) {
    let path = gateway.home.control_db_path();
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_damaged_database_stops_the_start_and_is_left_as_it_is() {
    let gateway = Gateway::new();
    for n in 0..200 {
        gateway.create(&format!("tenant-{n}")).await;
    }
    let path = gateway.home.control_db_path();
    let parent = gateway.parent;
    drop((gateway.home, gateway.registry));
    let whole = std::fs::read(&path).unwrap();
    for start in [0, 16, 4096 * 4] {
        let mut damaged = whole.clone();
        damaged[start..].fill(0x5A);
        std::fs::write(&path, &damaged).unwrap();
        let error = open(parent.path()).err().unwrap();
        assert!(matches!(error, RegistryError::Control(ControlError::Damaged { .. })), "{error}");
        assert!(damaged == std::fs::read(&path).unwrap());
    }
}

#[tokio::test]
async fn one_row_that_cannot_be_read_stops_the_start() {
    for sql in [
        "UPDATE tenants SET id = '../acme'",
        "UPDATE tenants SET token_hash = x'00'",
        "UPDATE tenants SET quotas = '{\"tokens\": 1}'",
        "UPDATE tenants SET created_at = 9223372036854775807",
        "UPDATE tenants SET generation = -1",
    ] {
        let gateway = Gateway::new();
        gateway.create("acme").await;
        edit(&gateway, sql);
        let error = open(gateway.parent.path()).err().unwrap();
        assert!(matches!(error, RegistryError::Row { row: 1, .. }), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_lost_database_is_not_replaced_by_an_empty_one() {
    let gateway = Gateway::new();
    gateway.create("acme").await;
    std::fs::write(gateway.tenant("acme").join("config.yaml"), "a: b").unwrap();
    let (parent, path) = (gateway.parent, gateway.home.control_db_path());
    drop((gateway.home, gateway.registry));
    std::fs::remove_file(path).unwrap();
    assert!(matches!(open(parent.path()), Err(RegistryError::Lost(lost)) if lost == id("acme")));
}

#[tokio::test]
async fn directories_left_by_an_interrupted_create_are_taken_over() {
    let gateway = Gateway::new();
    std::fs::create_dir_all(gateway.tenant("acme").join("sandbox/work")).unwrap();
    gateway.create("acme").await;
    std::fs::create_dir(gateway.tenant("beta")).unwrap();
    std::fs::write(gateway.tenant("beta").join("file"), "x").unwrap();
    let beta = gateway.registry.create(&id("beta"), None, Quotas::default(), Actor::Operator).await;
    assert!(matches!(beta, Err(RegistryError::DirectoryInUse(_))));
}

#[tokio::test]
async fn a_deletion_that_was_cut_short_is_ended_at_the_next_start() {
    let gateway = Gateway::new();
    for name in ["before-move", "after-move", "again"] {
        gateway.create(name).await;
        std::fs::write(gateway.tenant(name).join("config.yaml"), name).unwrap();
    }
    let tenants = gateway.parent.path().join("tenants");
    // As a crash leaves them: before the rename, after it, and after it with a
    // new tenant of the same id.
    edit(
        &gateway,
        "DELETE FROM tenants WHERE id IN ('before-move', 'after-move');
         INSERT INTO tenant_deletions (id, aside) VALUES
             ('before-move', '.deleted-before-move-00'),
             ('after-move', '.deleted-after-move-00'),
             ('again', '.deleted-again-00');",
    );
    std::fs::rename(tenants.join("after-move"), tenants.join(".deleted-after-move-00")).unwrap();
    std::fs::create_dir(tenants.join(".deleted-again-00")).unwrap();
    let gateway = gateway.restart();
    let left: Vec<_> = std::fs::read_dir(&tenants).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["again"]);
    assert_eq!(std::fs::read_to_string(gateway.tenant("again").join("config.yaml")).unwrap(), "again");
    assert_eq!(gateway.registry.list().len(), 1);
    assert_eq!(gateway.restart().registry.list().len(), 1);
}
