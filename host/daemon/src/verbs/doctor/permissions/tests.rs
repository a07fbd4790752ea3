use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::super::finding::Status;
use super::check;

#[test]
#[allow(clippy::disallowed_methods, reason = "files of this test")]
fn a_readable_key_is_reported_and_mended() {
    let home = tempfile::tempdir().expect("a directory");
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).expect("set");
    let key = home.path().join("secret.key");
    fs::write(&key, "k").expect("written");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("set");
    let status = |fix| check(home.path(), fix).iter().map(|finding| finding.status).collect::<Vec<_>>();
    assert_eq!(status(false), [Status::Ok, Status::Fail]);
    assert_eq!(fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o644);
    assert_eq!(status(true), [Status::Ok, Status::Ok]);
    assert_eq!(fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "files of this test")]
fn a_home_that_does_not_exist_is_told_and_not_made() {
    let home = tempfile::tempdir().expect("a directory");
    let missing = home.path().join("none");
    let findings = check(&missing, true);
    assert_eq!(findings.iter().map(|finding| finding.status).collect::<Vec<_>>(), [Status::Fail]);
    assert!(findings[0].message.contains(&missing.display().to_string()), "{findings:?}");
    assert!(!missing.exists());
}
