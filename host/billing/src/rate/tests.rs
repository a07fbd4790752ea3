use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_tenancy::{Quotas, TenantId};
use proptest::prelude::*;

use super::{Instants, RateLimiter, RequestRates};

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn per_minute(limit: u64) -> Quotas {
    Quotas { requests_per_minute: Some(limit), ..Quotas::default() }
}

/// Milliseconds after the start of both clocks; the wall clock begins at 2026-11-22T10:00:00Z.
fn at(ms: u64) -> Instants {
    let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let monotonic = Duration::from_millis(ms);
    Instants { monotonic, wall: start + monotonic }
}

fn limiter() -> RateLimiter {
    RateLimiter::new(&TimeZone::UTC)
}

#[test]
fn without_a_quota_requests_are_counted_and_admitted() {
    let (limiter, a) = (limiter(), tenant("a"));
    for ms in 0..1_000 {
        assert!(limiter.check(&a, &Quotas::default(), at(ms)).is_ok());
    }
    let rates = |ms| limiter.rates(&a, &Quotas::default(), at(ms));
    assert_eq!(rates(1_000), RequestRates { minute: 1_000, hour: 1_000, resets_at: Vec::new() });
    assert_eq!(rates(61_000), RequestRates { minute: 0, hour: 1_000, resets_at: Vec::new() });
    limiter.forget_idle(at(3_601_000).monotonic);
    assert_eq!(rates(3_601_000), RequestRates::default());
}

#[test]
fn a_refusal_names_the_moment_at_which_the_next_request_is_admitted() {
    let (limiter, a, quotas) = (limiter(), tenant("a"), per_minute(2));
    assert!(limiter.check(&a, &quotas, at(0)).is_ok());
    assert!(limiter.check(&a, &quotas, at(10_000)).is_ok());

    let refusal = limiter.check(&a, &quotas, at(20_000)).unwrap_err();
    assert_eq!((refusal.quota, refusal.limit, refusal.used), ("requests_per_minute", 2.into(), 2.into()));
    assert_eq!(refusal.resets_at.map(|at| at.to_string()).as_deref(), Some("2026-11-22T10:01:00Z"));
    assert!((40..=44).contains(&refusal.retry_after_s), "40 s and at most a tenth");

    assert!(limiter.check(&a, &quotas, at(59_999)).is_err());
    assert!(limiter.check(&a, &quotas, at(60_000)).is_ok());
    assert!(limiter.check(&a, &quotas, at(60_001)).is_err());
}

#[test]
fn two_refusals_of_one_window_name_one_time() {
    let (limiter, a, quotas) = (limiter(), tenant("a"), per_minute(1));
    let later = |ms: u64, nanoseconds: u64| {
        let instants = at(ms);
        // The two clocks are never read at one instant.
        Instants {
            monotonic: instants.monotonic + Duration::from_nanos(999_999),
            wall: instants.wall + Duration::from_nanos(nanoseconds),
        }
    };
    assert!(limiter.check(&a, &quotas, later(0, 0)).is_ok());
    let told = |now| limiter.check(&a, &quotas, now).unwrap_err().resets_at;
    let first = told(later(10, 1));
    for now in [later(10, 999_999), later(11, 5), later(500, 1_700_000), later(59_000, 400_000_000)] {
        assert_eq!(told(now), first);
    }
    assert_eq!(limiter.rates(&a, &quotas, later(59_500, 77)).resets_at, [("requests_per_minute", first.unwrap())]);
    let set = Instants { wall: at(59_000).wall + Duration::from_secs(3_600), ..later(59_000, 0) };
    assert!(told(set) > first, "a clock that was set is followed");
}

#[test]
fn the_quota_that_holds_longest_is_named() {
    let (limiter, a) = (limiter(), tenant("a"));
    let quotas = Quotas { requests_per_minute: Some(1), requests_per_hour: Some(1), ..Quotas::default() };
    assert!(limiter.check(&a, &quotas, at(0)).is_ok());
    assert_eq!(limiter.check(&a, &quotas, at(1)).unwrap_err().quota, "requests_per_hour");
}

#[test]
fn tenants_do_not_share_a_window() {
    let limiter = limiter();
    assert!(limiter.check(&tenant("a"), &per_minute(1), at(0)).is_ok());
    assert!(limiter.check(&tenant("b"), &per_minute(1), at(0)).is_ok());
}

#[test]
fn a_limit_of_zero_admits_nothing() {
    let refusal = limiter().check(&tenant("a"), &per_minute(0), at(0)).unwrap_err();
    assert_eq!(refusal.used, 0.into());
}

#[test]
fn a_wall_clock_that_is_set_back_admits_nothing_twice() {
    let (limiter, a, quotas) = (limiter(), tenant("a"), per_minute(1));
    assert!(limiter.check(&a, &quotas, at(0)).is_ok());
    let set_back = Instants { monotonic: Duration::from_secs(1), wall: at(0).wall - Duration::from_secs(3_600) };
    assert!(limiter.check(&a, &quotas, set_back).is_err());
}

proptest! {
    #[test]
    fn no_window_holds_more_than_the_limit(
        limit in 1_u64..20,
        steps in prop::collection::vec(0_u64..9_000, 1..400),
    ) {
        let (limiter, a, quotas) = (limiter(), tenant("a"), per_minute(limit));
        let mut admitted: Vec<u64> = Vec::new();
        let mut now = 0;
        for step in steps {
            now += step;
            match limiter.check(&a, &quotas, at(now)) {
                Ok(_) => admitted.push(now),
                Err(refusal) => {
                    let wait = refusal.resets_at.expect("a rate resets").duration_since(at(now).wall).as_millis();
                    prop_assert!(0 < wait && wait <= 60_000);
                }
            }
            let in_window = admitted.iter().filter(|&&ms| ms + 60_000 > now).count();
            prop_assert!(in_window as u64 <= limit);
        }
    }

    #[test]
    fn of_concurrent_requests_exactly_the_limit_is_admitted(tasks in 2_usize..64, limit in 0_u64..80) {
        let limiter = Arc::new(limiter());
        let barrier = Arc::new(Barrier::new(tasks));
        let request = |_| {
            let (limiter, barrier) = (Arc::clone(&limiter), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                limiter.check(&tenant("a"), &per_minute(limit), at(0)).is_ok()
            })
        };
        let threads: Vec<_> = (0..tasks).map(request).collect();
        let admitted = threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count();
        prop_assert_eq!(admitted as u64, limit.min(tasks as u64));
    }
}
