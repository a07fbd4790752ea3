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
    names.iter().for_each(|name| add(&mut versions, name, Active));
    versions
}

fn add(versions: &mut Versions, name: &str, state: State) {
    let sequence = next(versions);
    versions.add(Row { sequence, ..row(name, state) });
}

fn activate(versions: &mut Versions, digest: Option<Digest>, grants: Option<Vec<String>>) {
    let sequence = next(versions);
    versions.activate(digest, grants, sequence).expect("it is there");
}

fn next(versions: &Versions) -> u64 {
    versions.entries.iter().map(|entry| entry.row.sequence).max().unwrap_or_default() + 1
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
    activate(&mut versions, Some(digest("a")), None);
    assert_eq!(states(&versions), [("a", Active), ("b", Previous)]);
    versions.roll_back(None, false).expect("b was before it");
    assert_eq!(versions.active().map(|row| row.version.as_str()), Some("b"));
}

#[test]
fn a_canary_is_promoted_or_ended() {
    let mut versions = installed(&["a"]);
    add(&mut versions, "b", Canary);
    assert_eq!(states(&versions), [("b", Canary), ("a", Active)]);
    let mut ended = versions.clone();
    ended.roll_back(None, true).expect("the canary goes first");
    assert_eq!(states(&ended), [("b", Previous), ("a", Active)]);
    activate(&mut versions, None, None);
    assert_eq!(states(&versions), [("b", Active), ("a", Previous)]);
    assert_eq!(versions.active().and_then(|row| row.canary_percent), None);
}

#[test]
fn the_version_that_failed_is_the_one_that_goes() {
    let mut versions = installed(&["a", "b"]);
    add(&mut versions, "c", Canary);
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
    add(&mut versions, "c", Active);
    versions.roll_back(None, false).expect("a is there");
    assert_eq!(states(&versions), [("c", Previous), ("b", Failed), ("a", Active)]);
}

#[test]
fn grants_change_with_an_activation() {
    let mut versions = installed(&["a"]);
    activate(&mut versions, Some(digest("a")), Some(vec!["config".into()]));
    assert_eq!(versions.active().and_then(|row| row.grants.clone()), Some(vec!["config".to_owned()]));
    activate(&mut versions, Some(digest("a")), None);
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
