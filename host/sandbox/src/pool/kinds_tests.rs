//! A tenant that runs workloads of many kinds has one place all the same.

use super::tests::{Ended, key};
use super::*;

#[tokio::test]
async fn a_new_kind_takes_the_place_of_the_tenants_old_one() {
    let (pool, ended) = (Arc::new(Pool::new(2)), Ended::default());
    let ((other, _other), (own, _own)) = (key(), key());
    let of_size = |tmp_bytes| Key { made_of: Limits { tmp_bytes, ..Limits::default() }, ..own.clone() };
    for number in 1..=5 {
        pool.fill(of_size(number.into()), ended.made(number)).await;
    }
    assert_eq!(ended.count(), 4, "those that were replaced are ended");
    pool.fill(other.clone(), ended.made(6)).await;
    assert_eq!(pool.take(&other).map(|ready| ready.number), Some(6), "there is room for another tenant");
    assert!(pool.take(&of_size(1)).is_none());
    assert_eq!(pool.take(&of_size(5)).map(|ready| ready.number), Some(5));
}
