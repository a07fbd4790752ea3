use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{CalendarUnit, Period, Window, calendar_window};

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(now: &str, name: &str) -> (String, String) {
    let Window { start, next, .. } = calendar_window(at(now), CalendarUnit::Day, &zone(name));
    (start.to_string(), next.to_string())
}

fn pair(start: &str, next: &str) -> (String, String) {
    (start.to_owned(), next.to_owned())
}

#[test]
fn a_day_has_23_24_or_25_hours() {
    assert_eq!(day("2026-03-29T12:00:00Z", "Europe/Berlin"), pair("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
    assert_eq!(day("2026-11-01T12:00:00Z", "America/New_York"), pair("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"));
    assert_eq!(day("2026-11-01T12:00:00Z", "Etc/UTC"), pair("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"));
}

#[test]
fn a_day_begins_late_where_midnight_is_skipped() {
    // Beirut goes from 00:00 to 01:00.
    assert_eq!(day("2026-03-29T12:00:00Z", "Asia/Beirut"), pair("2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"));
}

#[test]
fn a_boundary_that_comes_twice_counts_once() {
    // St. John's went from 00:01 on 29 October 2006 back to 23:01 on the day before.
    let first = at("2006-10-29T02:30:00Z");
    let window = calendar_window(first, CalendarUnit::Day, &zone("America/St_Johns"));
    let again = calendar_window(at("2006-10-29T03:00:00Z"), CalendarUnit::Day, &zone("America/St_Johns"));
    assert_eq!(window, again);
    assert!(window.holds(first));
}

#[test]
fn a_skipped_date_has_no_window_of_its_own() {
    // Samoa left out 30 December 2011.
    assert_eq!(day("2011-12-30T09:59:59Z", "Pacific/Apia"), pair("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"));
}

#[test]
fn months_follow_the_calendar_of_the_zone() {
    let tokyo = zone("Asia/Tokyo");
    let window = calendar_window(at("2028-01-31T15:00:00Z"), CalendarUnit::Month, &tokyo);
    assert_eq!(window.start, at("2028-01-31T15:00:00Z"));
    assert_eq!(window.next, at("2028-02-29T15:00:00Z"), "a leap year");
    assert_eq!(Period::of(window.start, &tokyo).to_string(), "2028-02");
    assert_eq!(Period::of(window.start, &tokyo).window(&tokyo), window);
}

#[test]
fn a_period_is_written_as_year_and_month() {
    let period: Period = "2026-01".parse().unwrap();
    assert_eq!(period.previous().to_string(), "2025-12");
    for wrong in ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "2026-01-01", "+026-01", "é026-1"] {
        assert!(wrong.parse::<Period>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn windows_tile(
        seconds in -2_208_988_800_i64..4_102_444_800,
        name in prop::sample::select(vec![
            "Etc/UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Beirut",
            "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo",
        ]),
        unit in prop::sample::select(vec![CalendarUnit::Day, CalendarUnit::Month]),
    ) {
        let (now, zone) = (Timestamp::from_second(seconds).unwrap(), zone(name));
        let window = calendar_window(now, unit, &zone);
        prop_assert!(window.start <= now && now < window.next);

        let after = calendar_window(window.next, unit, &zone);
        prop_assert_eq!(after.start, window.next, "no gap, no overlap");
        let last = window.next.checked_sub(SignedDuration::from_nanos(1)).unwrap();
        prop_assert_eq!(calendar_window(last, unit, &zone), window);
    }
}
