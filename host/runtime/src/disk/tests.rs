use super::*;

fn figure() -> Arc<Figure> {
    Arc::new(Figure::new(1, Arc::default()))
}

fn measured(bytes: u64) -> Arc<Figure> {
    let figure = figure();
    let seen = figure.begin();
    figure.end(seen, bytes);
    figure
}

#[test]
fn nothing_is_known_before_it_was_measured() {
    let figure = figure();
    assert!(figure.is_outdated());
    assert!(figure.take(1, u64::MAX).is_none());
}

#[test]
fn what_is_written_is_added_up_to_the_limit() {
    let figure = measured(70);
    let _first = figure.take(20, 100).expect("it fits");
    assert!(figure.take(11, 100).is_none());
    let _second = figure.take(10, 100).expect("it just fits");
    assert_eq!(figure.used(), 100);
}

#[test]
fn what_is_full_is_measured_again_only_when_something_may_be_different() {
    let figure = measured(100);
    assert!(!figure.is_outdated(), "it was measured a moment ago");
    figure.count().freed = true;
    assert!(figure.is_outdated(), "something was removed");
    let figure = measured(90);
    drop(figure.take(10, 100));
    assert!(figure.is_outdated(), "what was written may have replaced something");
}

#[test]
fn a_measure_takes_the_place_of_what_was_written_before_it() {
    let figure = measured(50);
    drop(figure.take(40, 100));
    let seen = figure.begin();
    figure.end(seen, 60);
    assert_eq!(figure.used(), 60, "most of it replaced something");
    assert!(!figure.is_outdated());
}

#[test]
fn a_write_that_runs_during_a_measure_is_not_lost() {
    let figure = measured(0);
    let running = figure.take(30, 100).expect("it fits");
    let seen = figure.begin();
    let during = figure.take(5, 100).expect("it fits");
    drop((running, during));
    figure.end(seen, 0);
    assert_eq!(figure.used(), 35, "the walk may have come before either");
    let seen = figure.begin();
    figure.end(seen, 35);
    assert_eq!(figure.used(), 35);
}

#[test]
fn another_row_or_another_quota_is_measured_anew() {
    let quotas = Arc::new(Quotas { disk_bytes: Some(1), ..Quotas::default() });
    let figure = Figure::new(7, quotas.clone());
    assert!(figure.is_of(7, &quotas));
    assert!(!figure.is_of(8, &quotas));
    assert!(!figure.is_of(7, &Arc::new(Quotas::clone(&quotas))));
}

#[test]
fn what_a_write_did_not_take_is_given_back() {
    let figure = measured(0);
    figure.take(50, 100).expect("it fits").settle(20);
    assert_eq!(figure.used(), 20);
    let seen = figure.begin();
    figure.end(seen, 20);
    assert_eq!(figure.used(), 20);
}

#[test]
fn room_grows_to_the_limit_and_no_farther() {
    let figure = measured(0);
    let mut room = figure.take(50, 100).expect("it fits");
    assert!(room.grow(50));
    assert!(!room.grow(1));
    drop(room);
    assert_eq!(figure.used(), 100);
    let seen = figure.begin();
    assert_eq!(seen, 100, "nothing runs any more");
}
