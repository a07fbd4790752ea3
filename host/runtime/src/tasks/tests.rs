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
        let task = async move {
            let _counts = counts;
            std::future::pending::<()>().await;
        };
        tasks.spawn(row, || true, task);
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

#[tokio::test]
async fn one_that_comes_after_its_tenant_has_ended_does_not_run() {
    let tasks = Arc::new(Tasks::default());
    let (looked, ran) = (oneshot::channel(), oneshot::channel());
    // Those that there are end; this one is not among them yet.
    tasks.end_of(1);
    let list = tasks.clone();
    let is_current = move || {
        let _ = looked.0.send(list.running().tasks.len());
        false
    };
    tasks.spawn(1, is_current, async move {
        let _ = ran.0.send(());
    });
    assert_eq!(looked.1.await, Ok(1), "it looks once whoever ends its tenant finds it");
    assert!(ran.1.await.is_err(), "and is gone");
}
