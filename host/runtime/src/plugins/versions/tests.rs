use super::*;
use crate::binding::BindingScope;

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn row(name: &str, state: State) -> Row {
    Row {
        scope: BindingScope::Gateway,
        family: "echo".parse().expect("a family"),
        digest: digest(name),
        version: name.into(),
        state,
        sequence: 0,
        grants: None,
        canary_percent: (state == Canary).then_some(10),
        tenant_row: None,
    }
}

/// `a`, `b`, … installed one after another.
fn installed(names: &[&str]) -> Versions {
    let mut versions = Versions::default();
    names.iter().for_each(|name| versions.add(row(name, Active)));
    versions
}

fn states(versions: &Versions) -> Vec<(&str, State)> {
    versions.entries.iter().map(|entry| (entry.row.version.as_str(), entry.row.state)).collect()
}

use State::{Active, Canary, Failed, Previous};

#[test]
fn two_versions_before_the_active_one_are_kept() {
    assert_eq!(states(&installed(&["a", "b", "c", "d"])), [("d", Active), ("c", Previous), ("b", Previous)]);
}

#[test]
fn rolling_back_goes_further_back_each_time_and_ends_below() {
    let mut versions = installed(&["a", "b"]);
    versions.roll_back(None, true).expect("a is there");
    assert_eq!(states(&versions), [("b", Previous), ("a", Active)]);
    assert!(matches!(versions.clone().roll_back(None, false), Err(ChangeError::NothingBefore)));
    versions.roll_back(None, true).expect("the built-in is there");
    assert_eq!(states(&versions), [("b", Previous), ("a", Previous)]);
}

#[test]
fn a_version_that_is_activated_again_is_the_newest() {
    let mut versions = installed(&["a", "b"]);
    versions.activate(Some(digest("a")), None).expect("it is there");
    assert_eq!(states(&versions), [("a", Active), ("b", Previous)]);
    versions.roll_back(None, false).expect("b was before it");
    assert_eq!(versions.active().map(|row| row.version.as_str()), Some("b"));
}

#[test]
fn a_canary_is_promoted_or_ended() {
    let mut versions = installed(&["a"]);
    versions.add(row("b", Canary));
    assert_eq!(states(&versions), [("b", Canary), ("a", Active)]);
    let mut ended = versions.clone();
    ended.roll_back(None, true).expect("the canary goes first");
    assert_eq!(states(&ended), [("b", Previous), ("a", Active)]);
    versions.activate(None, None).expect("the canary");
    assert_eq!(states(&versions), [("b", Active), ("a", Previous)]);
    assert_eq!(versions.active().and_then(|row| row.canary_percent), None);
}

#[test]
fn the_version_that_failed_is_the_one_that_goes() {
    let mut versions = installed(&["a", "b"]);
    versions.add(row("c", Canary));
    let mut active_failed = versions.clone();
    active_failed.roll_back(Some(digest("b")), true).expect("a is there");
    assert_eq!(states(&active_failed), [("c", Canary), ("b", Failed), ("a", Active)]);
    versions.roll_back(Some(digest("c")), true).expect("the canary goes");
    assert_eq!(states(&versions), [("c", Failed), ("b", Active), ("a", Previous)]);
    let late = versions.roll_back(Some(digest("c")), true);
    assert!(matches!(late, Err(ChangeError::NothingBefore)), "it takes no calls any more");
}

#[test]
fn what_failed_is_not_gone_back_to() {
    let mut versions = installed(&["a", "b"]);
    versions.roll_back(Some(digest("b")), false).expect("a is there");
    versions.add(row("c", Active));
    versions.roll_back(None, false).expect("a is there");
    assert_eq!(states(&versions), [("c", Previous), ("b", Failed), ("a", Active)]);
}

#[test]
fn grants_change_with_an_activation() {
    let mut versions = installed(&["a"]);
    versions.activate(Some(digest("a")), Some(vec!["config".into()])).expect("it is there");
    assert_eq!(versions.active().and_then(|row| row.grants.clone()), Some(vec!["config".to_owned()]));
    versions.activate(Some(digest("a")), None).expect("it is there");
    assert_eq!(versions.active().and_then(|row| row.grants.clone()), Some(vec!["config".to_owned()]));
}

#[test]
fn one_version_or_all_are_removed() {
    let mut versions = installed(&["a", "b"]);
    assert_eq!(versions.remove(Some(digest("a"))).expect("it is there"), [digest("a")]);
    assert!(versions.remove(Some(digest("a"))).is_err(), "it is gone");
    assert_eq!(versions.remove(None).expect("all"), [digest("b")]);
    assert_eq!(states(&versions), []);
}
