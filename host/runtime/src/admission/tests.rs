use std::sync::mpsc;

use futures_util::FutureExt;

use super::*;

fn admission() -> Admission {
    Admission::new(AdmissionLimits { concurrent_per_tenant: 16, queued_per_tenant: 16, wait: Duration::from_secs(1) })
}

/// Work that blocks a thread until its other end is dropped.
fn stuck() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::channel();
    (end, move || {
        let _ = ended.recv();
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_hangs_up_does_not_get_rid_of_the_work() {
    let admission = admission();
    let (a, b) = ("a".parse().expect("an id"), "b".parse().expect("an id"));
    let mut ends = Vec::new();
    for _ in 0..BLOCKING_PER_TENANT {
        let (end, work) = stuck();
        // Polled once, which starts it, and dropped.
        assert!(admission.off_thread(Some(&a), work).now_or_never().is_none());
        ends.push(end);
    }
    let mut next = Box::pin(admission.off_thread(Some(&a), || 7));
    assert!((&mut next).now_or_never().is_none(), "all of the tenant's places are taken");
    admission.off_thread(Some(&b), || ()).await.expect("another tenant has its own");
    ends.pop();
    assert_eq!(next.await.expect("a place is free again"), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_change_is_made_to_its_end_whoever_hangs_up() {
    let admission = admission();
    let (end, ended) = tokio::sync::oneshot::channel();
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    let change = async move {
        let _ = begun.await;
        let _ = end.send("made");
    };
    assert!(admission.to_the_end(None, change).now_or_never().is_none());
    begin.send(()).expect("it waits for this");
    assert_eq!(ended.await, Ok("made"));
}

#[tokio::test]
async fn a_few_tenants_do_not_take_every_large_instance() {
    let admission = admission();
    let tenants: Vec<TenantId> = (0..4).map(|number| format!("t{number}").parse().expect("an id")).collect();
    let mut places = Vec::new();
    for tenant in &tenants {
        // As many as it may run at once, of which only a share gets a large instance.
        let wanted = (0..16).map(|_| admission.enter(Some(tenant), Pool::Large).now_or_never());
        places.extend(wanted.flatten().map(|place| place.expect("a place")));
    }
    assert_eq!(places.len(), tenants.len() * LARGE_PER_TENANT);
    let other = "other".parse().expect("an id");
    assert!(admission.enter(Some(&other), Pool::Large).now_or_never().is_some(), "there is room for others");
    assert!(admission.enter(Some(&tenants[0]), Pool::Small).now_or_never().is_some(), "and for its own small calls");
    assert!(admission.enter_inner(Some(&tenants[0]), Pool::Large).is_err());
}

#[tokio::test]
async fn calls_inside_others_are_bounded_and_wait_for_nothing() {
    let admission = admission();
    let (a, b) = ("a".parse().expect("an id"), "b".parse().expect("an id"));
    let places: Vec<Place> =
        (0..16).map(|_| admission.enter_inner(Some(&a), Pool::Small).expect("as many as it may run")).collect();
    assert!(matches!(admission.enter_inner(Some(&a), Pool::Small), Err(CallError::Unavailable { .. })));
    assert!(admission.enter_inner(Some(&b), Pool::Small).is_ok(), "another tenant has its own");
    assert!(admission.enter(Some(&a), Pool::Small).now_or_never().is_some(), "and so have the tenant's own calls");
    drop(places);
    assert!(admission.enter_inner(Some(&a), Pool::Small).is_ok());
    let heavy = || admission.enter_heavy(&a, Pool::Small, true).now_or_never().expect("it waits for nothing");
    let shares: Vec<_> = (0..LARGE_PER_TENANT).map(|_| heavy().expect("a share")).collect();
    assert!(heavy().is_err());
    drop(shares);
    assert!(heavy().is_ok());
}

#[tokio::test]
async fn a_tenant_with_one_place_may_still_nest() {
    let limits = AdmissionLimits { concurrent_per_tenant: 1, queued_per_tenant: 1, wait: Duration::from_secs(1) };
    let (admission, a) = (Admission::new(limits), "a".parse().expect("an id"));
    let places: Vec<_> = (0..DEPTH).map(|_| admission.enter_inner(Some(&a), Pool::Small)).collect();
    assert!(places.iter().all(Result::is_ok));
}
