//! The store as its callers see it, on real files.

use std::path::Path;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use openclaw_control::Durability;
use openclaw_tenancy::{DatabasePlace, Home, HomeError};

use crate::{
    Database, DatabaseId, Error, Expectation, LogEntry, LogTotals, Operation, Order, Page, Range, Store, StoreSettings,
};

mod copies;
mod files;
mod properties;

fn settings() -> StoreSettings {
    StoreSettings::with_durability(Durability::Process)
}

fn id(tenant: &str, family: &str) -> DatabaseId {
    DatabaseId { tenant: tenant.parse().unwrap(), family: family.parse().unwrap() }
}

/// The tenant's database is `<home>/<tenant>/state.db`.
fn database(store: &Store, home: &Path, tenant: &str) -> Database {
    let home = home.join(tenant);
    store.database(id(tenant, "sessions"), move || {
        let directory = Home::open(&home)?.directory().clone();
        Ok::<_, HomeError>(DatabasePlace {
            directory,
            name: "state.db".to_owned(),
            shown: "sessions/state.db".to_owned(),
        })
    })
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn put(key: &str, value: &str, expect: Expectation) -> Operation {
    ranked(key, value, 0, expect)
}

fn ranked(key: &str, value: &str, rank: i64, expect: Expectation) -> Operation {
    Operation::Put { collection: "c".to_owned(), key: key.to_owned(), value: value.as_bytes().to_vec(), rank, expect }
}

fn delete(key: &str, expect: Expectation) -> Operation {
    Operation::Delete { collection: "c".to_owned(), key: key.to_owned(), expect }
}

fn append(log: &str, entries: &[&str]) -> Operation {
    let entries = entries.iter().map(|entry| entry.as_bytes().to_vec()).collect();
    Operation::Append { log: log.to_owned(), entries }
}

fn range(order: Order, limit: u32) -> Range {
    Range { prefix: String::new(), after: None, skip: 0, limit, order }
}

fn keys(page: &Page) -> Vec<&str> {
    page.documents.iter().map(|document| document.key.as_str()).collect()
}

fn sequences(entries: &[LogEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

async fn value(database: &Database, key: &str) -> Option<String> {
    let document = database.get("c", key).await.unwrap()?;
    Some(String::from_utf8(document.value).unwrap())
}

#[tokio::test]
async fn what_was_put_is_got_until_it_is_deleted() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    let version = db.transact(vec![ranked("k", "{}", 7, Expectation::Any)]).await.unwrap()[0];
    let document = db.get("c", "k").await.unwrap().unwrap();
    assert_eq!((document.value.as_slice(), document.version, document.rank), (&b"{}"[..], version, 7));
    assert!(version >= 1);
    assert_eq!(db.get("other", "k").await, Ok(None));
    assert_eq!(db.transact(vec![delete("k", Expectation::Any)]).await, Ok(vec![1]));
    assert_eq!(db.transact(vec![delete("k", Expectation::Any)]).await, Ok(vec![0]));
    assert_eq!(db.get("c", "k").await, Ok(None));
}

#[tokio::test]
async fn an_expectation_that_fails_undoes_the_whole_transaction() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    let first = db.transact(vec![put("k", "1", Expectation::Absent)]).await.unwrap()[0];
    let conflict = Error::Conflict { key: "k".to_owned(), current: Some(first) };

    let absent = vec![put("new", "1", Expectation::Any), put("k", "2", Expectation::Absent)];
    assert_eq!(db.transact(absent).await, Err(conflict.clone()));
    assert_eq!(value(&db, "new").await, None);
    assert_eq!(db.transact(vec![delete("k", Expectation::Absent)]).await, Err(conflict.clone()));
    assert_eq!(db.transact(vec![delete("k", Expectation::Version(first + 1))]).await, Err(conflict));

    let second = db.transact(vec![put("k", "2", Expectation::Version(first))]).await.unwrap()[0];
    assert!(second > first);
    let gone = Error::Conflict { key: "gone".to_owned(), current: None };
    assert_eq!(db.transact(vec![put("gone", "2", Expectation::Version(u64::MAX))]).await, Err(gone));
}

#[tokio::test]
async fn pages_follow_each_other_in_every_order() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    let documents = [("a", 2), ("b", 1), ("c", 2), ("d", 3)];
    db.transact(documents.map(|(key, rank)| ranked(key, key, rank, Expectation::Any)).to_vec()).await.unwrap();
    for (order, expected) in [
        (Order::KeyAscending, ["a", "b", "c", "d"]),
        (Order::KeyDescending, ["d", "c", "b", "a"]),
        (Order::RankAscending, ["b", "a", "c", "d"]),
        (Order::RankDescending, ["d", "a", "c", "b"]),
    ] {
        let first = db.scan("c", range(order, 3)).await.unwrap();
        assert_eq!(keys(&first), expected[..3], "{order:?}");
        let rest = db.scan("c", Range { after: first.next, ..range(order, 3) }).await.unwrap();
        assert_eq!((keys(&rest), &rest.next), (expected[3..].to_vec(), &None), "{order:?}");
        let skipped = db.scan("c", Range { skip: 1, ..range(order, 2) }).await.unwrap();
        assert_eq!(keys(&skipped), expected[1..3], "{order:?}");
    }
}

#[tokio::test]
async fn a_log_counts_from_one_and_never_twice() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    assert_eq!(db.transact(vec![append("l", &["a", "b", "c"]), append("m", &["x"])]).await, Ok(vec![3, 1]));
    assert_eq!(sequences(&db.log_read("l", 1, 10).await.unwrap()), [2, 3]);
    assert_eq!(sequences(&db.log_tail("l", 2).await.unwrap()), [2, 3]);

    let trim = |keep_last| Operation::TrimLog { log: "l".to_owned(), keep_last };
    assert_eq!(db.transact(vec![trim(5), trim(1)]).await, Ok(vec![0, 2]));
    assert_eq!(db.log_length("l").await, Ok(1));
    assert_eq!(db.transact(vec![Operation::ClearLog { log: "l".to_owned() }]).await, Ok(vec![1]));
    assert_eq!(db.log_length("l").await, Ok(0));
    store.close_all().await;
    assert_eq!(db.transact(vec![append("l", &["d"])]).await, Ok(vec![4]));
    assert_eq!(db.log_tail("l", 5).await.unwrap(), [LogEntry { sequence: 4, value: b"d".to_vec() }]);
}

#[tokio::test]
async fn input_outside_the_limits_is_refused_before_the_file_is_touched() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(StoreSettings { max_value_bytes: 4, ..settings() });
    let db = database(&store, home.path(), "a");
    let refused = |operation| {
        let db = db.clone();
        async move { db.transact(vec![operation]).await.unwrap_err() }
    };
    assert!(matches!(refused(put("k", "12345", Expectation::Any)).await, Error::TooLarge { bytes: 5, limit: 4, .. }));
    assert!(matches!(refused(append("l", &["12345"])).await, Error::TooLarge { .. }));
    for key in ["", "a\0b", "\u{1b}[2J", &"x".repeat(513)] {
        assert!(matches!(refused(put(key, "", Expectation::Any)).await, Error::BadName { what: "key", .. }), "{key:?}");
    }
    assert!(matches!(refused(append("", &[])).await, Error::BadName { what: "log", .. }));
    assert!(matches!(db.transact(Vec::new()).await, Err(Error::BadLimit { .. })));
    assert!(matches!(db.scan("c", range(Order::KeyAscending, 0)).await, Err(Error::BadLimit { .. })));
    assert!(matches!(db.scan("c", range(Order::KeyAscending, 1_001)).await, Err(Error::BadLimit { .. })));
    assert!(files(home.path()).is_empty());
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    db.transact(vec![put("a", "", Expectation::Any)]).await.unwrap();
    for after in ["", "k:", "k:a", "r:1:a", "R:x:a", "R:1", "R:1:", "R:9223372036854775808:a"] {
        let range = Range { after: Some(after.to_owned()), ..range(Order::RankDescending, 5) };
        assert_eq!(db.scan("c", range).await, Err(Error::BadCursor), "{after:?}");
    }
}

#[tokio::test]
async fn a_heavy_read_is_answered_as_a_light_one_is() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    let large = "x".repeat(1 << 20);
    for key in 0..12 {
        db.transact(vec![put(&format!("{key:02}"), &large, Expectation::Any)]).await.unwrap();
    }
    let page = db.scan("c", range(Order::KeyAscending, 12)).await.unwrap();
    assert_eq!(page.documents.len(), 7, "a page ends at 8 MiB");
    let rest = db.scan("c", Range { after: page.next, ..range(Order::KeyAscending, 12) }).await.unwrap();
    assert_eq!((rest.documents.len(), rest.next), (5, None));
    let keys = (0..12).map(|key| format!("{key:02}")).collect();
    assert!(matches!(db.get_many("c", keys).await, Err(Error::TooLarge { what: "answer", .. })));
}

/// It runs on a thread of its own, where nothing else would meter it.
#[tokio::test]
async fn a_heavy_read_costs_its_caller_its_processor_time() {
    let home = tempfile::tempdir().unwrap();
    let spent = Arc::new(AtomicU64::new(0));
    let db = database(&Store::new(settings()), home.path(), "a").metered(spent.clone());
    let large = "x".repeat(1 << 20);
    for key in 0..7 {
        db.transact(vec![put(&format!("{key:02}"), &large, Expectation::Any)]).await.unwrap();
    }
    spent.store(0, Ordering::Relaxed);
    db.scan("c", range(Order::KeyAscending, 7)).await.unwrap();
    assert!(spent.load(Ordering::Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_transactions_succeed_and_fail_one_by_one() {
    let home = tempfile::tempdir().unwrap();
    let db = database(&Store::new(settings()), home.path(), "a");
    let task = |n: usize| {
        let db = db.clone();
        // Each key is contended by two: exactly one may find it absent.
        tokio::spawn(async move { db.transact(vec![put(&format!("{}", n / 2), "", Expectation::Absent)]).await })
    };
    let mut versions = Vec::new();
    let mut conflicts = 0;
    for task in (0..400).map(task).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(numbers) => versions.extend(numbers),
            Err(error) => {
                assert!(matches!(error, Error::Conflict { current: Some(_), .. }));
                conflicts += 1;
            }
        }
    }
    versions.sort_unstable();
    versions.dedup();
    assert_eq!((versions.len(), conflicts), (200, 200));
    assert_eq!(db.count("c", "").await, Ok(200));
}

#[tokio::test]
async fn no_more_databases_are_open_than_allowed() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(StoreSettings { open_limit: 2, ..settings() });
    let tenants: Vec<_> = (0..5).map(|n| database(&store, home.path(), &format!("t{n}"))).collect();
    for db in &tenants {
        db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    }
    let is_open = |tenant: &String| home.path().join(tenant).join("state.db-wal").exists();
    assert_eq!(files(home.path()).iter().filter(|tenant| is_open(tenant)).count(), 2);
    for db in &tenants {
        assert_eq!(value(db, "k").await.as_deref(), Some("v"));
    }
}

#[tokio::test]
async fn a_closed_tenant_is_busy_until_it_is_let_go() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "a");
    db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    let closed = store.close_tenant(&"a".parse().unwrap()).await;
    assert_eq!(files(&home.path().join("a")), ["state.db"]);
    assert_eq!(db.get("c", "k").await, Err(Error::Busy));
    drop(closed);
    assert_eq!(value(&db, "k").await.as_deref(), Some("v"));
}

#[tokio::test]
async fn idle_databases_are_closed() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(StoreSettings { idle: Duration::ZERO, ..settings() });
    let db = database(&store, home.path(), "a");
    db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
    settled(&db).await;
    assert_eq!(files(&home.path().join("a")), ["state.db", "state.db-wal"]);
    store.close_idle().await;
    assert_eq!(files(&home.path().join("a")), ["state.db"]);
    assert_eq!(value(&db, "k").await.as_deref(), Some("v"));
}

/// A write's answer comes before it has let go of the database and its thread.
async fn settled(db: &Database) {
    drop(db.slot.state.lock().await);
    drop(db.slot.share.acquire_many(2).await.unwrap());
}

#[tokio::test]
async fn closing_what_is_idle_waits_for_no_tenant() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(StoreSettings { idle: Duration::ZERO, ..settings() });
    let (busy, idle) = (database(&store, home.path(), "a"), database(&store, home.path(), "b"));
    for db in [&busy, &idle] {
        db.transact(vec![put("k", "v", Expectation::Any)]).await.unwrap();
        settled(db).await;
    }
    let mut threads: Vec<_> = std::iter::from_fn(|| busy.store.pool.free_thread(&busy.slot.share)).collect();
    assert!(!threads.is_empty());
    store.close_idle().await;
    assert_eq!(files(&home.path().join("a")), ["state.db", "state.db-wal"]);
    assert_eq!(files(&home.path().join("b")), ["state.db"]);
    threads.clear();
    store.close_idle().await;
    assert_eq!(files(&home.path().join("a")), ["state.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_ranks_are_counted_by_the_index() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(settings());
    let db = database(&store, home.path(), "acme");
    assert_eq!(db.log_totals("t:").await, Ok(LogTotals::default()), "there is no database yet");
    let logs = [append("t:1", &["a", "b", "c"]), append("t:2", &["d"]), append("s:1", &["e"]), append("u", &["f"])];
    db.transact(logs.to_vec()).await.unwrap();
    db.transact(vec![Operation::TrimLog { log: "t:1".into(), keep_last: 2 }]).await.unwrap();
    assert_eq!(db.log_totals("t:").await, Ok(LogTotals { logs: 2, entries: 3 }));
    assert_eq!(db.log_totals("").await, Ok(LogTotals { logs: 4, entries: 5 }));
    db.transact(vec![Operation::ClearLog { log: "t:1".into() }]).await.unwrap();
    assert_eq!(db.log_totals("t:").await, Ok(LogTotals { logs: 1, entries: 1 }));

    let documents = [("a", 10), ("b", 20), ("c", 30)].map(|(key, rank)| ranked(key, "x", rank, Expectation::Any));
    db.transact(documents.to_vec()).await.unwrap();
    assert_eq!((db.count_ranked("c", 20).await, db.count_ranked("d", 20).await), (Ok(2), Ok(0)));
}
