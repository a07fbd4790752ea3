use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{CalendarUnit, Period, ReportSpan, Window, calendar_window, hour_window};

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

#[test]
fn an_hour_that_comes_twice_is_two_hours_and_a_half_hour_change_ends_one() {
    let hour = |now: &str, name: &str| {
        let Window { start, next, .. } = hour_window(at(now), &zone(name));
        (start.to_string(), next.to_string())
    };
    let berlin = "Europe/Berlin";
    assert_eq!(hour("2026-10-25T00:30:00Z", berlin), pair("2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"));
    assert_eq!(hour("2026-10-25T01:30:00Z", berlin), pair("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"));
    // Lord Howe goes back half an hour, at 02:00.
    let island = "Australia/Lord_Howe";
    assert_eq!(hour("2026-04-04T14:45:00Z", island), pair("2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"));
    assert_eq!(hour("2026-04-04T15:00:00Z", island), pair("2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"));
    assert_eq!(hour("2026-11-26T12:10:00Z", "Asia/Kolkata"), pair("2026-11-26T11:30:00Z", "2026-11-26T12:30:00Z"));
}

#[test]
fn every_clock_change_of_sixty_years_lies_in_windows_that_tile() {
    for name in ["Europe/Berlin", "America/St_Johns", "Pacific/Apia"] {
        let zone = zone(name);
        let changes = zone
            .following(at("1980-01-01T00:00:00Z"))
            .take_while(|change| change.timestamp().as_second() < 2_208_988_800);
        let mut seen = 0;
        for change in changes {
            seen += 1;
            for offset in [-86_400, -3_600, -1, 0, 1, 3_600, 86_400] {
                let now = change.timestamp() + SignedDuration::from_secs(offset);
                for unit in [CalendarUnit::Day, CalendarUnit::Month] {
                    tiles(now, |now| calendar_window(now, unit, &zone));
                }
                tiles(now, |now| hour_window(now, &zone));
            }
        }
        assert!(seen >= 10, "{name} has clock changes");
    }
}

fn tiles(now: Timestamp, window_of: impl Fn(Timestamp) -> Window) {
    let window = window_of(now);
    assert!(window.start <= now && now < window.next, "{now} {window:?}");
    assert_eq!(window_of(window.next).start, window.next, "no gap, no overlap after {now}");
    assert_eq!(window_of(window.next - SignedDuration::from_nanos(1)), window, "{now}");
}

#[test]
fn every_month_is_as_long_as_the_calendar_says() {
    for (month, days) in [("2028-01", 31), ("2028-02", 29), ("2027-02", 28), ("2100-02", 28), ("2028-04", 30)] {
        let window = month.parse::<Period>().unwrap().window(&TimeZone::UTC);
        assert_eq!(window.next.duration_since(window.start).as_hours(), days * 24, "{month}");
    }
}

#[test]
fn a_report_covers_whole_days_of_the_zone() {
    let berlin = zone("Europe/Berlin");
    let now = at("2026-11-15T12:00:00Z");
    let span = |text: &str| {
        let Window { start, next, .. } = text.parse::<ReportSpan>().unwrap().window(now, &berlin);
        (start.to_string(), next.to_string())
    };
    assert_eq!(span("current-month"), pair("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"));
    assert_eq!(span("last-month"), pair("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"));
    assert_eq!(span("2026-02"), pair("2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"));
    assert_eq!(span("2026-10-25"), pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
    assert_eq!(span("2026-11-01..2026-11-15"), pair("2026-10-31T23:00:00Z", "2026-11-15T23:00:00Z"));
    for wrong in
        ["", "november", "2026-11-02..2026-11-01", "2026-02-30", "2026-11-01T00:00:00", "2026-11-01..", "20261101"]
    {
        assert!(wrong.parse::<ReportSpan>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn hours_tile_days(
        seconds in -2_208_988_800_i64..4_102_444_800,
        name in prop::sample::select(vec![
            "Etc/UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe",
        ]),
    ) {
        let (now, zone) = (Timestamp::from_second(seconds).unwrap(), zone(name));
        tiles(now, |now| hour_window(now, &zone));
        let (hour, day) = (hour_window(now, &zone), calendar_window(now, CalendarUnit::Day, &zone));
        prop_assert!(day.start <= hour.start && hour.next <= day.next, "{:?} in {:?}", hour, day);
    }

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
