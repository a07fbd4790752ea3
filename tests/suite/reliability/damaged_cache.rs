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

const COMPILED_ANEW: &str = "damaged entry in the code cache: compiling anew";

/// How often the log says that an entry was compiled anew.
fn compiled_anew(daemon: &Daemon) -> usize {
    daemon.log().matches(COMPILED_ANEW).count()
}

/// Starts on a home whose entries do not verify. Each is compiled anew and replaced, by what the next start takes.
fn heals(home: Home) {
    let damaged: Vec<Vec<u8>> = entries(&home).iter().map(|path| fs::read(path).expect("an entry")).collect();
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    daemon.tenant("acme").done("health", json!({}));
    assert_eq!(compiled_anew(&daemon), damaged.len(), "{}", daemon.log());
    let healed: Vec<Vec<u8>> = entries(daemon.home()).iter().map(|path| fs::read(path).expect("an entry")).collect();
    assert_eq!(healed.len(), damaged.len());
    assert!(healed.iter().zip(&damaged).all(|(healed, damaged)| healed != damaged), "a damaged entry was kept");
    let daemon = daemon.restarted();
    assert_eq!(compiled_anew(&daemon), 0, "{}", daemon.log());
}

/// A home that was started before, with every entry changed.
fn damaged(damage: impl Fn(Vec<u8>) -> Vec<u8>) -> Home {
    let home = Home::warm();
    for path in entries(&home) {
        let content = fs::read(&path).expect("an entry");
        fs::write(&path, damage(content)).expect("a damaged entry");
    }
    home
}

#[test]
fn a_flipped_bit_is_recompiled() {
    heals(damaged(|mut content| {
        let middle = content.len() / 2;
        content[middle] ^= 1;
        content
    }));
}

#[test]
fn a_torn_or_empty_entry_is_recompiled() {
    heals(damaged(|content| content[..content.len() / 3].to_vec()));
    heals(damaged(|_| Vec::new()));
}

#[test]
fn an_entry_of_another_home_is_recompiled() {
    let home = Home::warm();
    fs::write(home.path().join("secret.key"), [7; 32]).expect("another key");
    heals(home);
}

#[test]
fn an_entry_under_another_ones_name_is_recompiled() {
    let home = Home::warm();
    let entries = entries(&home);
    let contents: Vec<Vec<u8>> = entries.iter().map(|path| fs::read(path).expect("an entry")).collect();
    for (path, content) in entries.iter().zip(contents.iter().cycle().skip(1)) {
        fs::write(path, content).expect("an entry of another component");
    }
    heals(home);
}

#[test]
fn without_a_cache_it_starts_too() {
    let home = Home::warm();
    fs::remove_dir_all(home.path().join("cache")).expect("no cache");
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    daemon.tenant("acme").done("health", json!({}));
    assert!(!entries(daemon.home()).is_empty());
}

#[test]
fn what_another_release_compiled_is_removed() {
    let home = Home::warm();
    let ours = entries(&home);
    let stale = home.path().join("cache").join(format!("{}-0123456789abcdef.cwasm", "0".repeat(64)));
    fs::write(&stale, b"code of another release").expect("an entry");
    fs::write(stale.with_extension("12-0.tmp"), b"half an entry").expect("a file");
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(entries(daemon.home()).len(), ours.len());
    assert!(!stale.exists());
}
