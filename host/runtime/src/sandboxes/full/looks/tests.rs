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
        Some(true)
    };
    let (a, b) = tokio::join!(looks.look(since, SOON, look()), looks.look(since, SOON, look()));
    assert_eq!((a, count.load(Relaxed)), (b, 1));
    assert!(a.0);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_takes_long_is_followed_by_a_long_pause() {
    let (looks, since) = (Looks::default(), Instant::now());
    let slow = async {
        sleep(Duration::from_secs(7)).await;
        Some(false)
    };
    let (_, next) = looks.look(since, SOON, slow).await;
    assert_eq!(next, Instant::now() + Duration::from_secs(70));
    advance(Duration::from_secs(69)).await;
    assert!(!looks.look(since, SOON, ready(Some(true))).await.0, "nobody has looked again");
    advance(Duration::from_secs(1)).await;
    let (found, next) = looks.look(since, SOON, ready(Some(true))).await;
    assert!(found && next == Instant::now() + SOON);
}

#[tokio::test(start_paused = true)]
async fn who_came_after_a_look_is_not_ended_by_it() {
    let (looks, before) = (Looks::default(), Instant::now());
    assert!(looks.look(before, SOON, ready(Some(true))).await.0);
    advance(Duration::from_secs(1)).await;
    let after = Instant::now();
    assert!(!looks.look(after, SOON, ready(Some(false))).await.0);
    assert!(looks.look(before, SOON, ready(Some(false))).await.0, "who was there is");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_counted_is_ended_but_not_at_once() {
    let (looks, since) = (Looks::default(), Instant::now());
    let again = async |outcome| {
        let (found, next) = looks.look(since, SOON, ready(outcome)).await;
        advance(next - Instant::now()).await;
        found
    };
    for _ in 1..UNCOUNTED {
        assert!(!again(None).await);
    }
    assert!(!again(Some(false)).await, "it is counted after all");
    for _ in 1..UNCOUNTED {
        assert!(!again(None).await);
    }
    assert!(again(None).await);
}
