//! Tasks end with their tenant, and all with the gateway.

use super::*;

#[tokio::test]
async fn the_tasks_of_a_tenant_end_and_none_begins_once_all_do() {
    let tasks = Arc::new(Tasks::default());
    let ended = Arc::new(Mutex::new(0));
    struct Counts(Arc<Mutex<u32>>);
    impl Drop for Counts {
        fn drop(&mut self) {
            *self.0.lock().expect("a count") += 1;
        }
    }
    let begin = |row| {
        let counts = Counts(ended.clone());
        tasks.spawn(row, async move {
            let _counts = counts;
            std::future::pending::<()>().await;
        });
    };
    begin(1);
    begin(1);
    begin(2);
    tokio::task::yield_now().await;
    tasks.end_of(1);
    while *ended.lock().expect("a count") < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks.running().tasks.len(), 1);
    tasks.close();
    begin(2);
    while *ended.lock().expect("a count") < 4 {
        tokio::task::yield_now().await;
    }
    assert!(tasks.running().tasks.is_empty());
}
