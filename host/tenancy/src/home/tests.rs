use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;

use super::{Holder, HolderKind, Home, HomeError};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_home_and_its_secrets_are_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    let home = Home::open(&path).unwrap();
    let token = home.operator_token(None).unwrap();
    home.secret_key(None).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("control-plane.token")), 0o600);
    assert_eq!(mode(&path.join("secret.key")), 0o600);
    assert_eq!(std::fs::read(path.join("secret.key")).unwrap().len(), 32);
    let again = Home::open(&path).unwrap().operator_token(None).unwrap();
    assert!(again.matches(token.reveal()));
}

#[test]
fn a_home_that_others_can_read_is_closed_to_them_and_a_shared_one_refused() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o755)).unwrap();
    Home::open(parent.path()).unwrap();
    assert_eq!(mode(parent.path()), 0o700);
    std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    assert!(matches!(Home::open(parent.path()), Err(HomeError::Shared(_))));
}

#[test]
fn a_secret_that_is_unusable_is_an_error_and_never_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    for (name, content) in [("secret.key", "short"), ("control-plane.token", " \n")] {
        let path = parent.path().join(name);
        std::fs::write(&path, content).unwrap();
        let errors = match name {
            "secret.key" => [home.secret_key(None).unwrap_err(), home.has_secret_key(None).unwrap_err()],
            _ => [home.operator_token(None).unwrap_err(), home.has_operator_token(None).unwrap_err()],
        };
        for error in errors {
            assert!(matches!(error, HomeError::UnusableKey(_) | HomeError::UnusableToken(_)), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        assert_eq!(mode(&path), 0o600);
    }
    assert!(matches!(home.operator_token(Some("")), Err(HomeError::EmptyToken)));
}

#[test]
fn a_key_that_is_missing_beside_tenants_is_not_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let key = parent.path().join("secret.key");
    std::fs::create_dir(parent.path().join("tenants")).unwrap();
    home.secret_key(None).unwrap();
    std::fs::create_dir(parent.path().join("tenants/acme")).unwrap();
    home.secret_key(None).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(home.secret_key(None), Err(HomeError::KeyMissing(missing)) if missing == key));
    assert!(!key.exists());
}

#[test]
fn a_key_file_of_the_operators_is_used_in_place_of_the_homes() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(&parent.path().join("home")).unwrap();
    let file = parent.path().join("key");
    std::fs::write(&file, [7; 32]).unwrap();
    assert_eq!(home.secret_key(Some(&file)).unwrap().as_bytes(), [7; 32]);
    assert!(!parent.path().join("home/secret.key").exists());
    assert!(home.secret_key(Some(&parent.path().join("none"))).is_err());
}

#[test]
fn a_held_home_is_refused_with_its_holder_and_free_when_the_holder_ends() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let pid = std::process::id();
    for (kind, name) in [(HolderKind::Daemon, "daemon"), (HolderKind::Command, "command")] {
        let lock = home.lock(kind).unwrap();
        let error = Home::open(parent.path()).unwrap().lock(HolderKind::Daemon).unwrap_err();
        let HomeError::Held { holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*holder, Some(Holder { pid, kind: Some(kind) }));
        assert!(error.to_string().ends_with(&format!("is in use by another {name} (pid {pid})")), "{error}");
        drop(lock);
    }
    home.lock(HolderKind::Daemon).unwrap();
    assert_eq!(home.last_holder(), Some(Holder { pid, kind: Some(HolderKind::Daemon) }));
}

#[test]
fn a_lock_file_that_does_not_say_what_its_holder_is_names_a_process() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let path = parent.path().join("daemon.lock");
    let pid = std::process::id();
    std::fs::write(&path, format!("{pid}\n")).unwrap();
    let held = File::open(&path).unwrap();
    rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let error = home.lock(HolderKind::Command).unwrap_err();
    assert!(error.to_string().ends_with(&format!("is in use by another process (pid {pid})")), "{error}");
}

/// A gateway that was killed amid a fork left the lock to a child for a moment: whoever started the next one read that
/// the directory was in use by a process that was no more.
#[test]
fn what_a_killed_process_was_starting_is_waited_for() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let path = parent.path().join("daemon.lock");
    std::fs::write(&path, "4194303\n").unwrap();
    let of_child = File::open(&path).unwrap();
    rustix::fs::flock(&of_child, FlockOperation::NonBlockingLockExclusive).unwrap();
    let (begins, begun) = std::sync::mpsc::channel();
    let next = std::thread::spawn(move || {
        begins.send(()).unwrap();
        home.lock(HolderKind::Daemon).map(drop)
    });
    begun.recv().unwrap();
    drop(of_child);
    next.join().unwrap().unwrap();
}

#[test]
fn a_lock_file_left_by_a_killed_process_does_not_block() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::write(parent.path().join("daemon.lock"), "4194303\n").unwrap();
    let home = Home::open(parent.path()).unwrap();
    home.lock(HolderKind::Daemon).unwrap();
    assert_eq!(home.last_holder().map(|holder| holder.pid), Some(std::process::id()));
}

#[test]
fn a_tenant_without_a_directory_is_named_and_none_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let acme = "acme".parse().unwrap();
    assert!(matches!(home.tenant_dir(&acme), Err(HomeError::NoTenantDirectory(_))));
    assert!(!home.tenant_path(&acme).exists());
    let tenants = home.tenants().unwrap();
    Home::make_tenant_tree(&tenants, &acme).unwrap();
    for below in ["", "sessions", "sandbox/work", "settings"] {
        assert_eq!(mode(&home.tenant_path(&acme).join(below)), 0o700, "{below}");
    }
    home.tenant_dir(&acme).unwrap();
}

#[test]
fn a_registry_that_is_missing_beside_tenants_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    home.refuse_lost_registry().unwrap();
    std::fs::create_dir_all(parent.path().join("tenants/beta")).unwrap();
    std::fs::create_dir(parent.path().join("tenants/acme")).unwrap();
    let error = home.refuse_lost_registry().unwrap_err();
    assert!(
        matches!(&error, HomeError::RegistryMissing { first, count: 2, .. } if first.as_str() == "acme"),
        "{error}"
    );
    std::fs::write(home.control_db_path(), "").unwrap();
    home.refuse_lost_registry().unwrap();
}

#[test]
fn looking_at_a_home_changes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("home");
    assert!(Home::existing(&path).unwrap().is_none());
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let home = Home::existing(&path).unwrap().unwrap();
    assert!(!home.has_secret_key(None).unwrap());
    assert!(home.tenant_ids().unwrap().is_empty());
    assert_eq!((mode(&path), std::fs::read_dir(&path).unwrap().count()), (0o755, 0));
}

#[test]
fn a_scratch_directory_is_gone_with_whoever_worked_in_it_or_at_the_next_start() {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let (one, other) = (home.scratch().unwrap(), home.scratch().unwrap());
    let (path, left) = (one.home.path().to_path_buf(), other.home.path().to_path_buf());
    assert_ne!(path, left);
    one.home.secret_key(None).unwrap();
    assert_eq!(mode(&path), 0o700);
    drop(one);
    assert!(!path.exists() && left.is_dir());
    std::mem::forget(other);
    home.remove_scratch().unwrap();
    assert!(!left.exists());
    home.remove_scratch().unwrap();
}
