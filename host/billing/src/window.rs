//! Calendar windows as pure functions of (now, unit, time zone): no reset job, no stored boundary.
//!
//! The boundaries of a zone are the first instants of its days (or months), so windows tile: each
//! begins where the one before ends, also where a clock change skips or repeats midnight. Hours tile
//! days, which tile months.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

mod span;
#[cfg(test)]
mod tests;

pub use span::{ParseSpanError, ReportSpan};

/// The unit of a calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    Day,
    Month,
}

/// The half-open time `[start, next)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    pub next: Timestamp,
    /// IANA name of the zone that the boundaries are taken from.
    pub tz: String,
}

impl Window {
    pub(crate) fn length(&self) -> Duration {
        self.next.duration_since(self.start).unsigned_abs()
    }

    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.start <= time && time < self.next
    }
}

/// The day or month that `now` is in, as the zone reckons it.
pub fn calendar_window(now: Timestamp, unit: CalendarUnit, zone: &TimeZone) -> Window {
    let first = first_date(now, unit, zone);
    Window { start: boundary(first, zone), next: boundary(following(first, unit), zone), tz: zone_name(zone) }
}

/// The hour that `now` is in, as the zone's clocks show it. A clock change within an hour ends it, so
/// that where an hour comes twice there are two of them.
pub fn hour_window(now: Timestamp, zone: &TimeZone) -> Window {
    let offset = zone.to_offset(now).seconds();
    // The time counts from zero in both directions; hours do not.
    let second = now.as_second() - i64::from(now.subsec_nanosecond() < 0);
    let full = second - (second + i64::from(offset)).rem_euclid(3_600);
    let start = Timestamp::from_second(full).unwrap_or(Timestamp::MIN);
    let next = full.checked_add(3_600).and_then(|next| Timestamp::from_second(next).ok()).unwrap_or(Timestamp::MAX);
    let just_after = now.checked_add(SignedDuration::from_nanos(1)).unwrap_or(now);
    let changed = zone.preceding(just_after).next().map_or(start, |change| change.timestamp());
    let changes = zone.following(now).next().map_or(next, |change| change.timestamp());
    Window { start: start.max(changed), next: next.min(changes), tz: zone_name(zone) }
}

/// The first date of the window that `now` is in. The local date alone does not tell where a clock
/// goes back over midnight (St. John's did): the boundary once passed stays passed.
fn first_date(now: Timestamp, unit: CalendarUnit, zone: &TimeZone) -> Date {
    let date = zone.to_datetime(now).date();
    let mut first = match unit {
        CalendarUnit::Day => date,
        CalendarUnit::Month => date.first_of_month(),
    };
    loop {
        let next = following(first, unit);
        if next == first || boundary(next, zone) > now {
            return first;
        }
        first = next;
    }
}

/// The window's first date after this one; the calendar's last date follows itself.
fn following(first: Date, unit: CalendarUnit) -> Date {
    let span = match unit {
        CalendarUnit::Day => 1.day(),
        CalendarUnit::Month => 1.month(),
    };
    first.checked_add(span).unwrap_or(first)
}

/// The first instant of a date in the zone.
fn boundary(date: Date, zone: &TimeZone) -> Timestamp {
    match date.to_zoned(zone.clone()) {
        Ok(midnight) => midnight.timestamp(),
        Err(_) if date.year() > 0 => Timestamp::MAX,
        Err(_) => Timestamp::MIN,
    }
}

pub(crate) fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("Etc/UTC").to_owned()
}

/// A month of the ledger, written `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first: Date,
}

impl Period {
    /// The month that `now` is in, as the zone reckons it.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Self {
        Self { first: first_date(now, CalendarUnit::Month, zone) }
    }

    /// The month before; the first month of the calendar is its own.
    #[must_use]
    pub fn previous(self) -> Self {
        Self { first: self.first.checked_sub(1.month()).unwrap_or(self.first) }
    }

    pub fn window(self, zone: &TimeZone) -> Window {
        Window {
            start: boundary(self.first, zone),
            next: boundary(following(self.first, CalendarUnit::Month), zone),
            tz: zone_name(zone),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// A text that is no `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is written YYYY-MM")]
pub struct ParsePeriodError;

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, ParsePeriodError> {
        let digits = |range: std::ops::Range<usize>| {
            let digits = text.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<i16>().ok()).ok_or(ParsePeriodError)
        };
        if text.len() != 7 || text.as_bytes()[4] != b'-' {
            return Err(ParsePeriodError);
        }
        let (year, month) = (digits(0..4)?, digits(5..7)?);
        let month = i8::try_from(month).map_err(|_| ParsePeriodError)?;
        Date::new(year, month, 1).map(|first| Self { first }).map_err(|_| ParsePeriodError)
    }
}
