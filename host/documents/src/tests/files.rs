//! Files that are missing, damaged, full or not what they seem.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;
use crate::open::refuse_links;
use crate::quick_check;

#[tokio::test]
async fn reading_a_database_that_is_not_there_makes_no_file() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    for _ in 0..2 {
        assert_eq!(db.get("c", "k").await, Ok(None));
        assert_eq!(db.get_many("c", vec!["k".to_owned(); 2]).await, Ok(vec![None, None]));
        assert_eq!(db.scan("c", range(Order::RankDescending, 9)).await, Ok(Page::default()));
        assert_eq!((db.count("c", "").await, db.log_length("l").await), (Ok(0), Ok(0)));
        assert_eq!(db.log_tail("l", 9).await, Ok(Vec::new()));
    }
    assert!(files(&home.path().join("a")).is_empty());
    db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    assert_eq!(value(&db, "k").await.as_deref(), Some("v"));
}

#[tokio::test]
async fn a_damaged_database_is_named_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("a")).unwrap();
    let file = home.path().join("a/state.db");
    let damaged = Error::Damaged { family: "sessions".parse().unwrap() };
    std::fs::write(&file, vec![b'x'; 8_192]).unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    assert_eq!(db.get("c", "k").await, Err(damaged.clone()));
    assert_eq!(db.transact(vec![put("k", "v", Expectation::Any)]).await, Err(damaged.clone()));
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 8_192]);
    assert!(damaged.to_string().starts_with("the sessions database is damaged"));
}

#[tokio::test]
async fn no_other_user_reads_a_database_a_copy_of_it_or_what_is_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    assert!(db.keep_copy(1).await.unwrap());
    for name in ["state.db", "state.db-wal", "state.db.before-1"] {
        let mode = std::fs::metadata(home.path().join("a").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_that_is_removed_or_emptied_under_its_wal_is_damaged_and_not_made_anew() {
    for remove in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a/state.db");
        let store = Store::new(settings());
        let db = database(&store, home.path(), "a");
        db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
        match remove {
            true => std::fs::remove_file(&file).unwrap(),
            false => std::fs::write(&file, "").unwrap(),
        }
        drop(store.close_tenant(&"a".parse().unwrap()).await);
        assert!(files(&home.path().join("a")).contains(&"state.db-wal".to_owned()), "the sign is gone");
        let damaged = Err(Error::Damaged { family: "sessions".parse().unwrap() });
        assert_eq!(db.get("c", "k").await.map(drop), damaged);
        assert_eq!(db.transact(vec![put("k", "w", Expectation::Any)]).await.map(drop), damaged);
        let place = DatabasePlace {
            directory: Home::open(&home.path().join("a")).unwrap().directory().clone(),
            name: "state.db".to_owned(),
            shown: "sessions/state.db".to_owned(),
        };
        assert_eq!(
            quick_check(&place).unwrap().as_deref(),
            Some("its file was removed or emptied, and its -wal was not")
        );
        assert_eq!(file.exists(), !remove);
    }
}

#[tokio::test]
async fn a_page_that_is_overwritten_is_found_when_it_is_read() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a/state.db");
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    for key in 0..200 {
        db.transact(vec![put(&format!("{key:03}"), &"v".repeat(500), Expectation::Any)]).await.unwrap();
    }
    store.close_all().await;
    let mut bytes = std::fs::read(&file).unwrap();
    let length = bytes.len();
    bytes[4_096 * 6..].fill(0xAA);
    std::fs::write(&file, &bytes).unwrap();
    let scanned = db.scan("c", range(Order::KeyAscending, 1_000)).await;
    assert_eq!(scanned, Err(Error::Damaged { family: "sessions".parse().unwrap() }));
    store.close_all().await;
    assert_eq!((std::fs::read(&file).unwrap() == bytes, bytes.len()), (true, length));
}

#[tokio::test]
async fn a_link_in_the_place_of_the_file_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let victim = database(&store, home.path(), "victim");
    victim.transact(vec![put("secret", "v", Expectation::Any)]).await.unwrap();
    store.close_all().await;
    std::fs::create_dir(home.path().join("a")).unwrap();
    std::os::unix::fs::symlink("../victim/state.db", home.path().join("a/state.db")).unwrap();
    let db = database(&store, home.path(), "a");
    assert!(matches!(db.get("c", "secret").await, Err(Error::Io { .. })));

    // A link that was put there after the place was checked.
    let directory = Home::open(&home.path().join("a")).unwrap().directory().clone();
    let through_handle = |file: &str| format!("/proc/self/fd/{}/{file}", directory.as_fd().as_raw_fd());
    let linked = through_handle("state.db");
    assert!(refuse_links(&Connection::open(&linked).unwrap(), Path::new(&linked)).is_err());
    let own = through_handle("own.db");
    assert!(refuse_links(&Connection::open(&own).unwrap(), Path::new(&own)).is_ok());
}

#[tokio::test]
async fn a_database_at_its_limit_is_full_and_still_readable() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(StoreSettings { max_database_bytes: Some(100 << 10), ..settings() });
    let db = database(&store, home.path(), "a");
    db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    let large = put("large", &"x".repeat(200 << 10), Expectation::Any);
    assert_eq!(db.transact(vec![large]).await, Err(Error::Full));
    assert_eq!(value(&db, "k").await.as_deref(), Some("v"));
    db.transact(vec![put("k", "w", Expectation::Any)]).await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_in_the_file_when_the_process_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    let mut versions = Vec::new();
    for key in 0..50 {
        versions.extend(db.transact(vec![put(&format!("{key}"), "v", Expectation::Any)]).await.unwrap());
    }
    // The files as `kill -9` would leave them at this moment.
    let left = tempfile::tempdir().unwrap();
    std::fs::create_dir(left.path().join("a")).unwrap();
    for file in ["a/state.db", "a/state.db-wal"] {
        std::fs::copy(home.path().join(file), left.path().join(file)).unwrap();
    }
    let revived = database(&Store::new(settings()), left.path(), "a");
    assert_eq!(revived.count("c", "").await, Ok(50));
    let next = revived.transact(vec![put("next", "v", Expectation::Any)]).await.unwrap()[0];
    assert!(versions.iter().all(|version| *version < next), "a version is never used twice");
}

#[tokio::test]
async fn what_was_deleted_leaves_room_for_the_next_writes() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let (a, b) = (database(&store, home.path(), "a"), database(&store, home.path(), "b"));
    let fill = |value: &str| (0..100).map(|key| put(&key.to_string(), value, Expectation::Any)).collect::<Vec<_>>();
    let free = async |tenant: &str| store.free_bytes(&tenant.parse().unwrap()).await.unwrap();
    for db in [&a, &b] {
        db.transact(fill(&"v".repeat(10_000))).await.unwrap();
    }
    assert_eq!(free("a").await, 0);
    a.transact((0..100).map(|key| delete(&key.to_string(), Expectation::Any)).collect()).await.unwrap();
    let freed = free("a").await;
    assert!((1_000_000..2_000_000).contains(&freed), "{freed}");
    assert_eq!(free("b").await, 0, "another tenant's");
    a.transact(fill(&"w".repeat(9_000))).await.unwrap();
    assert!(free("a").await < freed / 4, "it was used again");
    store.close_all().await;
    assert_eq!(free("a").await, 0, "of what is closed nothing is known");
}

/// The place of the tenant's database, as [`database`] has it.
fn place(home: &Path, tenant: &str) -> DatabasePlace {
    let directory = Home::existing(&home.join(tenant)).unwrap().unwrap().directory().clone();
    DatabasePlace { directory, name: "state.db".to_owned(), shown: "sessions/state.db".to_owned() }
}

#[tokio::test]
async fn a_database_is_checked_while_it_is_open_and_nothing_is_left_behind() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    for key in 0..200 {
        db.transact(vec![put(&format!("{key:03}"), &"v".repeat(500), Expectation::Any)]).await.unwrap();
    }
    assert_eq!(quick_check(&place(home.path(), "a")), Ok(None));
    let open = files(&home.path().join("a"));
    store.close_all().await;
    assert_eq!(quick_check(&place(home.path(), "a")), Ok(None));
    assert_eq!((open.len(), files(&home.path().join("a"))), (2, vec!["state.db".to_owned()]));
}

#[tokio::test]
async fn a_check_finds_damage_and_a_wal_that_was_not_written_back_is_none() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    for key in 0..200 {
        db.transact(vec![put(&format!("{key:03}"), &"v".repeat(500), Expectation::Any)]).await.unwrap();
    }
    let wal = std::fs::read(home.path().join("a/state.db-wal")).unwrap();
    store.close_all().await;
    let file = home.path().join("a/state.db");
    let whole = std::fs::read(&file).unwrap();
    for (start, damage) in [(0, 0xAA), (4_096 * 6, 0xAA)] {
        let mut bytes = whole.clone();
        bytes[start..].fill(damage);
        std::fs::write(&file, &bytes).unwrap();
        assert!(quick_check(&place(home.path(), "a")).unwrap().is_some(), "{start}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
    // As a kill in the middle of a checkpoint leaves it: some pages are old, the WAL has them all.
    let mut bytes = whole;
    bytes[4_096 * 6..].fill(0);
    std::fs::write(&file, &bytes).unwrap();
    assert!(quick_check(&place(home.path(), "a")).unwrap().is_some());
    std::fs::write(home.path().join("a/state.db-wal"), wal).unwrap();
    assert_eq!(quick_check(&place(home.path(), "a")), Ok(None));
}
