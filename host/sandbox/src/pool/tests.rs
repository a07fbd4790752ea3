use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::TenantUser;

/// Counts those that were ended without having been needed.
#[derive(Clone, Default)]
pub(super) struct Ended(Arc<AtomicUsize>);

pub(super) struct Fake {
    pub(super) number: u32,
    has_ended: bool,
    ended: Ended,
}

impl Waiting for Fake {
    fn has_ended(&self) -> bool {
        self.has_ended
    }

    async fn discard(self) {
        self.ended.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ended {
    pub(super) async fn made(&self, number: u32) -> Result<Fake, Error> {
        Ok(Fake { number, has_ended: false, ended: self.clone() })
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The key of plain workloads in a directory of its own, which is there as long as what is answered beside it.
#[allow(clippy::disallowed_methods, reason = "a directory of the test's own")]
pub(super) fn key() -> (Key, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let workspace = Arc::new(File::open(directory.path()).unwrap().into());
    let user = if rustix::process::geteuid().is_root() {
        TenantUser::Own(std::num::NonZeroU32::new(200_001).unwrap())
    } else {
        TenantUser::Gateway
    };
    let tenant = Tenant { id: "a".to_owned(), user, workspace, read_only: false };
    (Key::of(&tenant, &Workload::default(), Limits::default()).unwrap(), directory)
}

#[tokio::test]
async fn one_serves_one_workload_of_the_tenant_that_it_was_made_for() {
    let (pool, ended) = (Arc::new(Pool::new(4)), Ended::default());
    let ((own, _own), (other, _other)) = (key(), key());
    pool.fill(own.clone(), ended.made(1)).await;
    assert!(pool.take(&other).is_none());
    assert_eq!(pool.take(&own).map(|ready| ready.number), Some(1));
    assert!(pool.take(&own).is_none(), "it is taken");
    assert_eq!(ended.count(), 0);
}

#[tokio::test]
async fn there_is_one_for_a_key_and_so_many_for_all() {
    let (pool, ended) = (Arc::new(Pool::new(2)), Ended::default());
    let ((a, _a), (b, _b), (c, _c)) = (key(), key(), key());
    for (number, key) in [(1, &a), (2, &a), (3, &b), (4, &c)] {
        pool.fill(key.clone(), ended.made(number)).await;
    }
    let taken = [&a, &b, &c].map(|key| pool.take(key).map(|ready| ready.number));
    assert_eq!(taken, [Some(1), Some(3), None]);
}

#[tokio::test]
async fn one_that_has_ended_is_not_given_out() {
    let (pool, ended) = (Arc::new(Pool::new(1)), Ended::default());
    let (own, _directory) = key();
    let over = Fake { number: 1, has_ended: true, ended: ended.clone() };
    pool.fill(own.clone(), async { Ok(over) }).await;
    assert!(pool.take(&own).is_none());
    pool.fill(own.clone(), ended.made(2)).await;
    assert_eq!(pool.take(&own).map(|ready| ready.number), Some(2), "its place is free");
}

#[tokio::test]
async fn a_pool_that_is_closed_has_ended_all_that_wait_and_those_that_were_being_made() {
    let (pool, ended) = (Arc::new(Pool::new(4)), Ended::default());
    let ((waits, _waits), (comes, _comes)) = (key(), key());
    pool.fill(waits.clone(), ended.made(1)).await;
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (making, making_ended, coming) = (pool.clone(), ended.clone(), comes.clone());
    let made = tokio::spawn(async move {
        let slow = async {
            gone.await.unwrap();
            making_ended.made(2).await
        };
        making.fill(coming, slow).await;
    });
    while !pool.places().taken.contains_key(&comes) {
        tokio::task::yield_now().await;
    }
    tokio::join!(pool.close(), async { go.send(()).unwrap() });
    made.await.unwrap();
    assert_eq!(ended.count(), 2);
    pool.fill(waits.clone(), ended.made(3)).await;
    assert!(pool.take(&waits).is_none() && ended.count() == 2, "it keeps no more");
}
