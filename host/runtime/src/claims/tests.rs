//! A name has one holder, and is free once that is gone.

use super::*;

fn name(tenant: u64, name: &str) -> Name {
    Name { tenant, family: "chat".parse().expect("a family"), name: name.into() }
}

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_name_has_one_holder_of_each_tenant() {
    let (claims, ends) = (Arc::new(Claims::default()), Arc::default());
    let held = claims.take(&name(1, "a"), &ends, NOW).await.expect("it is free");
    assert!(claims.take(&name(1, "a"), &ends, NOW).await.is_none());
    assert!(claims.take(&name(1, "b"), &ends, NOW).await.is_some());
    assert!(claims.take(&name(2, "a"), &ends, NOW).await.is_some());
    drop(held);
    assert!(claims.take(&name(1, "a"), &ends, NOW).await.is_some());
}

#[tokio::test]
async fn whoever_waits_has_it_once_it_is_free() {
    let (claims, ends) = (Arc::new(Claims::default()), Arc::default());
    let held = claims.take(&name(1, "a"), &ends, NOW).await.expect("it is free");
    let waits = tokio::spawn({
        let (claims, ends) = (claims.clone(), ends.clone());
        async move { claims.take(&name(1, "a"), &ends, LONG).await.is_some() }
    });
    tokio::task::yield_now().await;
    drop(held);
    assert!(waits.await.expect("it waited"));
}

#[tokio::test]
async fn who_has_it_is_ended_by_its_name_and_after_it_was_passed_on_the_next() {
    let (claims, first, second) = (Arc::new(Claims::default()), Arc::<Notify>::default(), Arc::<Notify>::default());
    assert!(!claims.end(&name(1, "a")));
    let held = claims.take(&name(1, "a"), &first, NOW).await.expect("it is free");
    assert!(claims.end(&name(1, "a")));
    first.notified().await;
    let _passed = held.passed_to(&second);
    assert!(claims.end(&name(1, "a")));
    second.notified().await;
}
