//! Copies that are put back.

use tempfile::TempDir;

use super::*;

async fn keys(database: &Database) -> Vec<String> {
    let page = database.scan("c", range(Order::KeyAscending, 100)).await.unwrap();
    page.documents.into_iter().map(|document| document.key).collect()
}

#[tokio::test]
async fn a_copy_is_put_back_without_what_was_written_since() {
    let (home, store) = (TempDir::new().unwrap(), Store::new(settings()));
    let database = database(&store, home.path(), "a");
    database.transact(vec![put("before", "1", Expectation::Any)]).await.unwrap();
    assert!(database.copy_bytes().await.unwrap().unwrap() > 0);
    assert!(database.keep_copy(1).await.unwrap());
    database.transact(vec![put("after", "2", Expectation::Any), delete("before", Expectation::Any)]).await.unwrap();
    assert_eq!(keys(&database).await, ["after"]);
    assert!(database.restore_copy(1).await.unwrap());
    assert_eq!(keys(&database).await, ["before"]);
    assert!(!database.restore_copy(1).await.unwrap(), "it is in force, and no copy any more");
    database.transact(vec![put("later", "3", Expectation::Any)]).await.unwrap();
    store.close_all().await;
    assert_eq!(keys(&database).await, ["before", "later"]);
    assert_eq!(files(&home.path().join("a")).iter().filter(|name| name.contains("before")).count(), 0);
}

#[tokio::test]
async fn where_there_was_no_database_there_is_none_again() {
    let (home, store) = (TempDir::new().unwrap(), Store::new(settings()));
    let database = database(&store, home.path(), "a");
    assert_eq!(database.copy_bytes().await.unwrap(), None);
    assert!(!database.keep_copy(1).await.unwrap());
    database.transact(vec![put("after", "2", Expectation::Any)]).await.unwrap();
    database.remove().await.unwrap();
    assert_eq!(keys(&database).await, [""; 0]);
    assert!(!files(&home.path().join("a")).iter().any(|name| name.starts_with("state.db")));
    database.transact(vec![put("anew", "3", Expectation::Any)]).await.unwrap();
    assert_eq!(keys(&database).await, ["anew"]);
}

#[tokio::test]
async fn a_copy_takes_the_place_of_one_of_the_same_number_and_is_forgotten() {
    let (home, store) = (TempDir::new().unwrap(), Store::new(settings()));
    let database = database(&store, home.path(), "a");
    for key in ["one", "two"] {
        database.transact(vec![put(key, "1", Expectation::Any)]).await.unwrap();
        assert!(database.keep_copy(7).await.unwrap());
    }
    database.transact(vec![put("three", "1", Expectation::Any)]).await.unwrap();
    assert!(database.restore_copy(7).await.unwrap());
    assert_eq!(keys(&database).await, ["one", "two"]);
    database.keep_copy(8).await.unwrap();
    database.forget_copy(8).await.unwrap();
    assert!(!database.restore_copy(8).await.unwrap());
}
