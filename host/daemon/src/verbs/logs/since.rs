//! A time in the past, as people give it.

use jiff::{SignedDuration, Timestamp};

/// `10m` ago, or an RFC 3339 time.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let wrong = || "not a time: write 90s, 10m, 2h, 7d, or 2026-11-22T10:00:00Z".to_owned();
    match ago(text) {
        Some(ago) => Timestamp::now().checked_sub(ago).map_err(|_| wrong()),
        None => text.parse().map_err(|_| wrong()),
    }
}

/// A whole number with its unit.
fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests;
