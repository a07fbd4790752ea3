//! The clocks, and how times are written.

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use std::time::Duration;

/// Now, in Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1000 + u64::from(now.nanoseconds) / 1_000_000
}

/// Milliseconds of a clock that never goes back, for durations.
#[must_use]
pub fn monotonic_ms() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a duration in ms fits 53 bits")]
    let nanoseconds = monotonic_clock::now() as f64;
    nanoseconds / 1e6
}

/// Waits, which costs no processor time and counts against the call's wall time.
pub fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanoseconds).block();
}

/// A time in Unix milliseconds as RFC 3339 in UTC, as in `2026-11-22T19:21:00.000Z`.
#[must_use]
pub fn rfc3339(milliseconds: u64) -> String {
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The Gregorian date of a day counted from 1970-01-01: Howard Hinnant's
/// `civil_from_days`, for days that are not before it.
fn civil_date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests;
