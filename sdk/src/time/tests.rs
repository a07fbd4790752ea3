use super::{monotonic_clock, rfc3339};

#[test]
fn times_are_written_in_utc() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
    assert_eq!(rfc3339(1_798_761_599_999), "2026-12-31T23:59:59.999Z");
}

#[test]
fn a_timer_is_ready_when_it_is_due() {
    assert!(monotonic_clock::subscribe_duration(0).ready());
    assert!(!monotonic_clock::subscribe_duration(u64::MAX).ready());
}
