//! Compiled code on disk is only a cache.

use std::{fs, path::PathBuf};

use crate::contract::*;

fn entries(home: &Home) -> Vec<PathBuf> {
    let cache = home.path().join("cache");
    let files: Vec<PathBuf> =
        openclaw_tests::home::files_below(&cache).into_iter().map(|path| cache.join(path)).collect();
    assert!(!files.is_empty(), "nothing is cached");
    files
}

/// Damages every entry, and expects a gateway that works and whole entries afterwards.
fn heals(damage: impl Fn(Vec<u8>) -> Vec<u8>) {
    let home = Home::warm();
    let before: Vec<usize> = entries(&home).iter().map(|path| fs::read(path).expect("an entry").len()).collect();
    for path in entries(&home) {
        let content = fs::read(&path).expect("an entry");
        fs::write(&path, damage(content)).expect("a damaged entry");
    }
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    daemon.tenant("acme").done("health", json!({}));
    let after: Vec<usize> = entries(daemon.home()).iter().map(|path| fs::read(path).expect("an entry").len()).collect();
    assert_eq!(before.len(), after.len());
    assert!(after.iter().all(|length| *length > 1000), "{after:?}");
}

#[test]
fn a_flipped_bit_is_recompiled() {
    heals(|mut content| {
        let middle = content.len() / 2;
        content[middle] ^= 1;
        content
    });
}

#[test]
fn a_torn_or_empty_entry_is_recompiled() {
    heals(|content| content[..content.len() / 3].to_vec());
    heals(|_| Vec::new());
}

#[test]
fn an_entry_of_another_home_is_recompiled() {
    let home = Home::warm();
    fs::write(home.path().join("secret.key"), [7; 32]).expect("another key");
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    daemon.tenant("acme").done("health", json!({}));
}

#[test]
fn without_a_cache_it_starts_too() {
    let home = Home::warm();
    fs::remove_dir_all(home.path().join("cache")).expect("no cache");
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    daemon.tenant("acme").done("health", json!({}));
    assert!(!entries(daemon.home()).is_empty());
}
