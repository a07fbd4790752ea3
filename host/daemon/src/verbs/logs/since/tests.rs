use jiff::SignedDuration;

use super::{ago, parse};

#[test]
fn a_number_with_a_unit_is_so_long_ago() {
    for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604_800), ("1w", 604_800)] {
        assert_eq!(ago(text), Some(SignedDuration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn a_time_of_rfc_3339_is_itself() {
    let time = parse("2026-11-22T10:00:00+01:00").expect("a time");
    assert_eq!(time.to_string(), "2026-11-22T09:00:00Z");
}

#[test]
fn anything_else_is_refused() {
    for text in ["", "m", "10", "10 minutes", "-5m", "yesterday", "99999999999d", "4294967295w"] {
        assert!(parse(text).is_err(), "{text}");
    }
}
