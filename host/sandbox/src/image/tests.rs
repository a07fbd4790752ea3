use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A small Debian of its own.
fn debian() -> tempfile::TempDir {
    let host = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str, mode: u32| {
        let path = host.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut status = String::new();
    for package in PACKAGES.iter().chain(&["mawk"]) {
        status += &format!("Package: {package}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n");
        let list = format!("/.\n/bin\n/bin/{package}\n/usr/share/doc/{package}/copyright\n/etc/{package}.conf\n");
        write(&format!("var/lib/dpkg/info/{package}.list"), &list, 0o644);
        write(&format!("usr/bin/{package}"), package, 0o4775);
        write(&format!("usr/share/doc/{package}/copyright"), "", 0o644);
        write(&format!("etc/{package}.conf"), "secret", 0o644);
    }
    write("var/lib/dpkg/status", &status, 0o644);
    write("etc/alternatives/README", "", 0o644);
    symlink("/usr/bin/mawk", host.path().join("etc/alternatives/awk")).unwrap();
    symlink("/etc/alternatives/awk", host.path().join("usr/bin/awk")).unwrap();
    symlink("/usr/bin/vim", host.path().join("etc/alternatives/editor")).unwrap();
    host
}

#[test]
fn a_tree_has_the_packages_programs_and_nothing_of_the_host() {
    let (host, home) = (debian(), tempfile::tempdir().unwrap());
    let tree = build_from(host.path(), home.path(), &[]).unwrap();
    let at = |path: &str| tree.path().join(path);
    assert_eq!(fs::read_to_string(at("bin/bash")).unwrap(), "bash");
    assert_eq!(
        fs::metadata(at("usr/bin/bash")).unwrap().permissions().mode() & 0o7777,
        0o755,
        "neither setuid nor writable"
    );
    assert_eq!(fs::read_link(at("usr/bin/sh")).unwrap(), Path::new("dash"));
    for absent in ["usr/share/doc", "etc/bash.conf", "usr/bin/mawk", "usr/bin/awk", "home", "root"] {
        assert!(fs::symlink_metadata(at(absent)).is_err(), "{absent}");
    }
    for directory in ["proc", "sys", "dev", "tmp", "run", "work"] {
        assert_eq!(fs::read_dir(at(directory)).unwrap().count(), 0, "{directory}");
    }
}

#[test]
fn an_extra_package_brings_its_alternatives() {
    let (host, home) = (debian(), tempfile::tempdir().unwrap());
    let tree = build_from(host.path(), home.path(), &["mawk".to_owned()]).unwrap();
    assert_eq!(fs::read_link(tree.path().join("etc/alternatives/awk")).unwrap(), Path::new("/usr/bin/mawk"));
    assert!(fs::symlink_metadata(tree.path().join("usr/bin/awk")).is_ok());
    assert!(fs::symlink_metadata(tree.path().join("etc/alternatives/editor")).is_err());
}

#[test]
fn the_same_packages_are_the_same_tree() {
    let host = debian();
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let trees = homes.each_ref().map(|home| build_from(host.path(), home.path(), &[]).unwrap());
    assert_eq!(trees[0].digest(), trees[1].digest());
    let again = build_from(host.path(), homes[0].path(), &[]).unwrap();
    assert_eq!(again.path(), trees[0].path());
    let more = build_from(host.path(), homes[0].path(), &["mawk".to_owned()]).unwrap();
    assert_ne!(more.digest(), again.digest());
    assert!(trees[0].path().is_dir(), "a tree in use stays");
    assert_eq!(Tree::open(homes[0].path()).unwrap().digest(), more.digest());
}

#[test]
fn what_is_missing_is_named() {
    let (host, home) = (debian(), tempfile::tempdir().unwrap());
    let error = build_from(host.path(), home.path(), &["python3".to_owned(), "git".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "the packages git, python3 are not installed: apt-get install git python3");
}
