use super::Entry;
use crate::output::Output;

fn line(text: &str) -> String {
    Entry::read(text).line(&Output::for_usage(true))
}

#[test]
fn an_event_becomes_one_line() {
    let event =
        r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","message":"listening","target":"openclaw","pid":7}"#;
    assert!(line(event).ends_with("2026-11-22T10:00:00Z INFO  listening pid=7"), "{}", line(event));
}

#[test]
fn what_is_no_event_is_shown_as_it_is() {
    assert_eq!(line("thread panicked\u{7}"), "thread panicked\u{fffd}");
    assert_eq!(line("17"), "17");
}

#[test]
fn a_client_cannot_forge_a_line() {
    let event = r#"{"timestamp":"t","level":"WARN","message":"bad\nt ERROR forged\u001b[2J"}"#;
    assert_eq!(line(event).lines().count(), 1);
    assert!(!line(event).contains('\u{1b}'));
}

#[test]
fn an_event_without_a_time_is_never_too_old() {
    let now = jiff::Timestamp::now();
    assert!(Entry::read(r#"{"timestamp":"2020-01-01T00:00:00Z"}"#).is_before(now));
    assert!(!Entry::read(r#"{"message":"?"}"#).is_before(now));
}
