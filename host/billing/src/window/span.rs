//! The time that a report covers, in whole days of the ledger's zone.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{CalendarUnit, Period, Window, boundary, following, zone_name};

/// `current-month`, `last-month`, `2026-11`, `2026-11-15` or `2026-11-01..2026-11-15`, both days
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportSpan {
    CurrentMonth,
    LastMonth,
    Month(Period),
    Days { first: Date, last: Date },
}

impl ReportSpan {
    /// The time from the beginning of its first day to the end of its last.
    pub fn window(self, now: Timestamp, zone: &TimeZone) -> Window {
        match self {
            Self::CurrentMonth => Period::of(now, zone).window(zone),
            Self::LastMonth => Period::of(now, zone).previous().window(zone),
            Self::Month(period) => period.window(zone),
            Self::Days { first, last } => Window {
                start: boundary(first, zone),
                next: boundary(following(last, CalendarUnit::Day), zone),
                tz: zone_name(zone),
            },
        }
    }
}

/// A text that names no time to report on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is current-month, last-month, 2026-11, 2026-11-15 or 2026-11-01..2026-11-15")]
pub struct ParseSpanError;

impl FromStr for ReportSpan {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, ParseSpanError> {
        match text {
            "current-month" => return Ok(Self::CurrentMonth),
            "last-month" => return Ok(Self::LastMonth),
            _ => {}
        }
        if let Ok(period) = text.parse() {
            return Ok(Self::Month(period));
        }
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (day(first)?, day(last)?);
        if first > last {
            return Err(ParseSpanError);
        }
        Ok(Self::Days { first, last })
    }
}

/// Exactly `YYYY-MM-DD`; the library's parser would take a time behind it as well.
fn day(text: &str) -> Result<Date, ParseSpanError> {
    let date: Date = text.parse().map_err(|_| ParseSpanError)?;
    if date.to_string() == text { Ok(date) } else { Err(ParseSpanError) }
}
