use super::*;

fn tenant(id: &str) -> TenantId {
    id.parse().expect("a tenant's id")
}

/// JSON text of this many bytes.
fn payload(bytes: usize) -> Box<RawValue> {
    RawValue::from_string(format!("\"{}\"", "x".repeat(bytes - 2))).expect("JSON")
}

fn kept(bus: &EventBus, id: &str) -> Vec<u64> {
    bus.subscribe(&tenant(id), Some(0)).missed.iter().map(|event| event.sequence).collect()
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed() {
    let bus = EventBus::default();
    for _ in 0..3 {
        bus.publish(&tenant("a"), "x.changed", payload(10));
    }
    assert_eq!(kept(&bus, "a"), [1, 2, 3]);
    let after: Vec<u64> = bus.subscribe(&tenant("a"), Some(2)).missed.iter().map(|event| event.sequence).collect();
    assert_eq!(after, [3]);
    assert!(bus.subscribe(&tenant("a"), None).missed.is_empty(), "it did not ask");
}

#[test]
fn who_was_away_too_long_is_told_of_the_gap() {
    let bus = EventBus::default();
    let gap = |since| bus.subscribe(&tenant("a"), since).gap;
    assert!(!gap(None) && !gap(Some(0)), "nothing happened yet");
    for _ in 0..WINDOW + 10 {
        bus.publish(&tenant("a"), "x.changed", payload(2));
    }
    assert_eq!([None, Some(9), Some(10), Some(WINDOW as u64 + 10)].map(gap), [false, true, false, false]);
    assert!(gap(Some(WINDOW as u64 + 11)), "a number that was never given");
    bus.publish(&tenant("a"), "x.changed", payload(WINDOW_BYTES + 1));
    assert!(gap(Some(WINDOW as u64 + 10)), "what is too large to keep");
}

#[test]
fn a_number_of_an_earlier_start_is_a_gap() {
    let [first, second] = [1, 2].map(|seconds| EventBus::started(UNIX_EPOCH + std::time::Duration::from_secs(seconds)));
    let seen = first.publish(&tenant("a"), "x.changed", payload(10));
    assert!(second.subscribe(&tenant("a"), Some(seen)).gap);
    assert!(second.publish(&tenant("a"), "x.changed", payload(10)) > seen);
}

#[test]
fn the_window_holds_so_many_events() {
    let bus = EventBus::default();
    for _ in 0..WINDOW + 10 {
        bus.publish(&tenant("a"), "x.changed", payload(2));
    }
    let kept = kept(&bus, "a");
    assert_eq!((kept.len(), kept[0]), (WINDOW, 11), "the oldest went");
}

#[test]
fn the_window_holds_so_many_bytes() {
    let bus = EventBus::default();
    for _ in 0..9 {
        bus.publish(&tenant("a"), "x.changed", payload(WINDOW_BYTES / 8));
    }
    assert_eq!(kept(&bus, "a"), (2..=9).collect::<Vec<_>>(), "eight fill it, the ninth takes the place of the first");
}

#[test]
fn an_event_that_is_larger_than_the_window_is_told_and_not_kept() {
    let bus = EventBus::default();
    bus.publish(&tenant("a"), "x.changed", payload(10));
    let mut listener = bus.subscribe(&tenant("a"), None);
    bus.publish(&tenant("a"), "x.changed", payload(WINDOW_BYTES + 1));
    assert_eq!(listener.live.try_recv().expect("an event").sequence, 2);
    assert_eq!(kept(&bus, "a"), Vec::<u64>::new());
    bus.publish(&tenant("a"), "x.changed", payload(10));
    assert_eq!(kept(&bus, "a"), [3], "the bytes that went are not counted any more");
}

#[test]
fn one_tenants_flood_takes_no_room_of_anothers_window() {
    let bus = EventBus::default();
    bus.publish(&tenant("a"), "x.changed", payload(10));
    for _ in 0..3 {
        bus.publish(&tenant("b"), "x.changed", payload(WINDOW_BYTES / 2));
    }
    assert_eq!((kept(&bus, "a"), kept(&bus, "b")), (vec![1], vec![2, 3]));
}
