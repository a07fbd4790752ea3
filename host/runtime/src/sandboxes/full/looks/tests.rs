use std::{
    future::ready,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use tokio::time::{advance, sleep};

use super::*;

const SOON: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn who_asks_meanwhile_shares_the_look_of_another() {
    let (looks, count, since) = (Looks::default(), AtomicU32::new(0), Instant::now());
    let look = || async {
        count.fetch_add(1, Relaxed);
        sleep(Duration::from_secs(1)).await;
        Some(1)
    };
    let (a, b) = tokio::join!(looks.look(since, SOON, 0, look()), looks.look(since, SOON, 0, look()));
    assert_eq!((a, count.load(Relaxed)), (b, 1));
    assert!(a.0);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_takes_long_is_followed_by_a_long_pause() {
    let (looks, since) = (Looks::default(), Instant::now());
    let slow = async {
        sleep(Duration::from_secs(7)).await;
        Some(0)
    };
    let (_, next) = looks.look(since, SOON, 0, slow).await;
    assert_eq!(next, Instant::now() + Duration::from_secs(70));
    advance(Duration::from_secs(69)).await;
    assert!(!looks.look(since, SOON, 0, ready(Some(1))).await.0, "nobody has looked again");
    advance(Duration::from_secs(1)).await;
    let (found, next) = looks.look(since, SOON, 0, ready(Some(1))).await;
    assert!(found && next == Instant::now() + SOON);
}

#[tokio::test(start_paused = true)]
async fn who_came_after_a_look_is_not_ended_by_it() {
    let (looks, before) = (Looks::default(), Instant::now());
    assert!(looks.look(before, SOON, 0, ready(Some(1))).await.0);
    advance(Duration::from_secs(1)).await;
    let after = Instant::now();
    assert!(!looks.look(after, SOON, 0, ready(Some(0))).await.0);
    assert!(looks.look(before, SOON, 0, ready(Some(0))).await.0, "who was there is");
}

#[tokio::test(start_paused = true)]
async fn each_has_its_own_measure_for_what_one_look_found() {
    let (looks, since) = (Looks::default(), Instant::now());
    assert!(looks.look(since, SOON, 6, ready(Some(7))).await.0);
    assert!(!looks.look(since, SOON, 7, ready(Some(9))).await.0, "nobody has looked again");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_counted_is_ended_but_not_at_once() {
    let (looks, since) = (Looks::default(), Instant::now());
    let again = async |outcome| {
        let (found, next) = looks.look(since, SOON, 0, ready(outcome)).await;
        advance(next - Instant::now()).await;
        found
    };
    for _ in 1..UNCOUNTED {
        assert!(!again(None).await);
    }
    assert!(!again(Some(0)).await, "it is counted after all");
    for _ in 1..UNCOUNTED {
        assert!(!again(None).await);
    }
    assert!(again(None).await);
}
